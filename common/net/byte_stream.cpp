#include "net/byte_stream.hpp"

namespace postern::net {

boost::asio::awaitable<Result<std::size_t>> ByteStream::read_some(Buffer into) {
    for (;;) {
        Result<std::optional<std::size_t>> got = try_read(into);
        if (got.has_error()) co_return got.error();
        if (got.value()) co_return *got.value();
        Result<void> ready = co_await wait_readable();
        if (ready.has_error()) co_return ready.error();
    }
}

}  // namespace postern::net
