#include "net/linger.hpp"

#include <boost/asio/awaitable.hpp>

#include "net/buffer_pool.hpp"
#include "net/deadline.hpp"

namespace postern::net {

namespace {

constexpr std::size_t kDiscardBytes = 64U << 20;

}  // namespace

boost::asio::awaitable<void> linger(ByteStream& stream, std::chrono::milliseconds patience) {
    const Deadline deadline(stream.executor(), patience, [&stream] { stream.cancel(); });
    Result<void> ended = co_await stream.shutdown_send();
    std::size_t discarded = 0;
    while (ended.has_value() && discarded < kDiscardBytes) {
        ended = co_await stream.wait_readable();
        if (ended.has_error()) break;
        BorrowedBuffer buffer;
        const Result<std::optional<std::size_t>> got = stream.try_read(buffer.bytes());
        if (got.has_error()) break;
        if (!got.value()) continue;
        if (*got.value() == 0) break;
        discarded += *got.value();
    }
}

boost::asio::awaitable<void> linger_and_close(ByteStream& stream, std::chrono::milliseconds patience) {
    co_await linger(stream, patience);
    stream.close();
}

}  // namespace postern::net
