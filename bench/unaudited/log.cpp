// An audit log that takes every record and writes none: what the real one costs is the difference. Linked in
// front of the real one into a gateway that scripts/bench alone builds and nothing installs; the product
// itself cannot be told to keep no log.
#include "audit/log.hpp"

namespace postern::audit {

struct Log::State {};

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(LogOptions, Clock) {
    return std::unique_ptr<Log>(new Log(nullptr));
}

Result<void> Log::append(const Record&) {
    return {};
}

boost::asio::awaitable<Result<void>> Log::async_append(Record) {
    co_return Result<void>();
}

Result<void> Log::reopen() {
    return {};
}

}  // namespace postern::audit
