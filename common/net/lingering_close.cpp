#include "net/lingering_close.hpp"

#include <boost/asio/awaitable.hpp>

#include "net/buffer_pool.hpp"
#include "net/deadline_timer.hpp"

namespace postern::net {

namespace {

constexpr std::size_t kDiscardBytes = 64U << 20;

}  // namespace

boost::asio::awaitable<void> drain_to_end(ByteStream& stream, std::chrono::milliseconds timeout) {
    const DeadlineTimer deadline(stream.executor(), timeout, [&stream] { stream.cancel(); });
    Result<void> ended = co_await stream.shutdown_send();
    std::size_t discarded = 0;
    while (ended.has_value() && discarded < kDiscardBytes) {
        ended = co_await stream.wait_readable();
        if (!ended) {
            break;
        }
        BorrowedBuffer buffer;
        const Result<std::optional<std::size_t>> got = stream.try_read(buffer.bytes());
        if (!got) {
            break;
        }
        if (!got.value()) {
            continue;
        }
        if (*got.value() == 0) {
            break;
        }
        discarded += *got.value();
    }
}

boost::asio::awaitable<void> lingering_close(ByteStream& stream, std::chrono::milliseconds timeout) {
    co_await drain_to_end(stream, timeout);
    stream.close();
}

}  // namespace postern::net
