// What the pieces above a socket need of it: plain TCP, a Unix socket, TLS on a socket, and TLS inside TLS
// are all ByteStreams. One read and one write may be under way at a time, on one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"

namespace postern::net {

using Bytes = std::span<const unsigned char>;
using Buffer = std::span<unsigned char>;

/// Hears that a wait is over. Who waits holds it, so that nothing else needs to.
class ReadyListener {
public:
    virtual ~ReadyListener() = default;
    /// On the stream's loop, and never from within the call that began the wait.
    virtual void on_ready(Result<void> ready) = 0;
};
using ReadyListenerPtr = std::shared_ptr<ReadyListener>;

class ByteStream {
public:
    virtual ~ByteStream() = default;

    /// Tells when try_read() is likely to have something. Holds no buffer worth mentioning: idle sessions
    /// wait here.
    virtual void when_readable(ReadyListenerPtr listener) = 0;
    /// Never waits: nothing when no byte is there yet; else at least one byte, or 0 at the orderly end (FIN,
    /// close_notify). Code::end_of_stream when the peer vanished mid-stream (reset, or FIN without
    /// close_notify on TLS).
    virtual Result<std::optional<std::size_t>> try_read(Buffer into) = 0;
    /// Tells when try_write() is likely to take more. For who has just been told that it does not take all.
    virtual void when_writable(ReadyListenerPtr listener) = 0;
    /// Never waits: how much it took, for most messages all of it. The rest is to be offered again before
    /// anything else. After a failure the stream takes nothing more; what the peer said before may still be
    /// there to be read, and then the end of a peer that vanished.
    virtual Result<std::size_t> try_write(Bytes bytes) = 0;

    boost::asio::awaitable<Result<void>> wait_readable();
    boost::asio::awaitable<Result<void>> wait_writable();
    /// try_read() and wait_readable() until there is something: at least one byte, or 0 at the orderly end.
    boost::asio::awaitable<Result<std::size_t>> read_some(Buffer into);
    /// All of it, or a failure.
    boost::asio::awaitable<Result<void>> write_all(Bytes bytes);
    /// Tells the peer that no more bytes come (FIN; close_notify and FIN). Reading goes on.
    virtual boost::asio::awaitable<Result<void>> shutdown_send() = 0;

    /// Makes a pending wait for bytes fail with Code::cancelled, and nothing else: the stream
    /// stays good. Not to be called while a write is under way. No effect when none is pending, or when it is
    /// about to succeed.
    virtual void wake() noexcept = 0;
    /// Makes pending and all later operations fail with Code::cancelled. The stream must be closed after.
    virtual void cancel() noexcept = 0;
    /// Closes at once, without close_notify or shutdown. Pending operations fail with Code::cancelled.
    virtual void close() noexcept = 0;
    virtual boost::asio::any_io_executor executor() = 0;

    /// Called once by the first cancel() or close(), also when no operation is pending: whoever works on this
    /// stream and another one learns of it at once. One listener at a time; null takes it away. It must not
    /// close this stream.
    void on_cancelled(std::function<void()> listener) { on_cancelled_ = std::move(listener); }

protected:
    ByteStream() = default;
    ByteStream(ByteStream&&) = default;
    ByteStream& operator=(ByteStream&&) = default;
    /// For a wait that is over when it begins.
    void tell_soon(ReadyListenerPtr listener, Result<void> ready);
    /// For cancel() and close().
    void tell_cancelled() noexcept {
        if (const auto listener = std::exchange(on_cancelled_, nullptr)) {
            listener();
        }
    }

private:
    std::function<void()> on_cancelled_;
};

}  // namespace postern::net
