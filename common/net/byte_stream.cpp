#include "net/byte_stream.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::net {

namespace asio = boost::asio;

namespace {

/// Resumes a coroutine.
template <class Handler>
class Resumption final : public ReadyListener {
public:
    explicit Resumption(Handler handler) : handler_(std::move(handler)) {}
    void on_ready(Result<void> ready) override { std::move(handler_)(std::move(ready)); }

private:
    Handler handler_;
};

/// Begins a wait with a listener that resumes the awaiting coroutine.
template <class Begin>
asio::awaitable<Result<void>> await_listener(Begin begin) {
    auto initiate = [begin](auto handler) {
        begin(std::make_shared<Resumption<decltype(handler)>>(std::move(handler)));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<void>)>(std::move(initiate),
                                                                                   asio::use_awaitable);
}

}  // namespace

asio::awaitable<Result<void>> ByteStream::wait_readable() {
    return await_listener([this](ReadyListenerPtr listener) { when_readable(std::move(listener)); });
}

asio::awaitable<Result<void>> ByteStream::wait_writable() {
    return await_listener([this](ReadyListenerPtr listener) { when_writable(std::move(listener)); });
}

asio::awaitable<Result<std::size_t>> ByteStream::read_some(Buffer into) {
    for (;;) {
        Result<std::optional<std::size_t>> got = try_read(into);
        if (!got) {
            co_return got.error();
        }
        if (got.value()) {
            co_return *got.value();
        }
        Result<void> ready = co_await wait_readable();
        if (!ready) {
            co_return ready.error();
        }
    }
}

asio::awaitable<Result<void>> ByteStream::write_all(Bytes bytes) {
    for (;;) {
        const Result<std::size_t> sent = try_write(bytes);
        if (!sent) {
            co_return sent.error();
        }
        bytes = bytes.subspan(sent.value());
        if (bytes.empty()) {
            co_return Result<void>();
        }
        Result<void> ready = co_await wait_writable();
        if (!ready) {
            co_return ready.error();
        }
    }
}

void ByteStream::tell_soon(ReadyListenerPtr listener, Result<void> ready) {
    asio::post(executor(), [listener = std::move(listener), ready = std::move(ready)]() mutable {
        listener->on_ready(std::move(ready));
    });
}

}  // namespace postern::net
