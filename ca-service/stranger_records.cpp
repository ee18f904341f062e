#include "ca-service/stranger_records.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/counted.hpp"
#include "base/log.hpp"

namespace postern::ca {

namespace {

constexpr std::size_t kMostUnderWay = 1024;

}  // namespace

bool StrangerRecords::has_its_own() {
    return budget_.take(std::chrono::steady_clock::now());
}

Result<void> StrangerRecords::append(const audit::Record& record) {
    return has_its_own() ? log_.append(record) : Result<void>();
}

boost::asio::awaitable<Result<void>> StrangerRecords::async_append(audit::Record record) {
    const Counted counted(under_way_);
    if (under_way_ > kMostUnderWay) {
        budget_.leave_out();
        co_return Result<void>();
    }
    if (!has_its_own()) {
        co_return Result<void>();
    }
    auto appending = log_.async_append(std::move(record));
    Result<void> written = co_await std::move(appending);
    co_return written;
}

void StrangerRecords::tell_of_others() {
    const std::size_t count = budget_.take_untold();
    if (count == 0) {
        return;
    }
    spdlog::warn("event=connection.rejected more={} reason={}", count, name(Code::limit_reached));
    const audit::Record record =
        audit::record_of_more(count, audit::Stage::limit,
                              fmt::format("{} more connections and requests were refused meanwhile.", count));
    if (const auto written = log_.append(record); !written) {
        budget_.put_back(count);
        spdlog::error("event=audit.failed detail={}", quoted(written.error().detail, 512));
    }
}

}  // namespace postern::ca
