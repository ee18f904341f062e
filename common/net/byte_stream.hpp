// The interface of all streams: plain TCP, a Unix socket, TLS on a socket, and TLS inside TLS. One read and
// one write may be in progress at a time, all on one thread.
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

/// Is told when a wait is over. The pending wait owns it.
class ReadyListener {
public:
    virtual ~ReadyListener() = default;
    /// Called on the stream's loop, and never from within the call that began the wait. `ready` is
    /// Code::cancelled if the wait was cancelled.
    virtual void on_ready(Result<void> ready) = 0;
};
using ReadyListenerPtr = std::shared_ptr<ReadyListener>;

/// A bidirectional stream of bytes. Not thread-safe: use it on the thread of its loop.
class ByteStream {
public:
    virtual ~ByteStream() = default;

    /// Calls `listener` when try_read() is likely to return something. The wait holds no large buffer,
    /// because idle sessions wait here.
    virtual void when_readable(ReadyListenerPtr listener) = 0;
    /// Reads without waiting. Returns nothing when no byte is available, 0 at the orderly end (FIN,
    /// close_notify), and otherwise how many bytes it read. Fails with Code::end_of_stream when the
    /// connection was lost (a reset, or on TLS a FIN without close_notify).
    virtual Result<std::optional<std::size_t>> try_read(Buffer into) = 0;
    /// Calls `listener` when try_write() is likely to accept more. Only for a caller whose last write was not
    /// accepted in full.
    virtual void when_writable(ReadyListenerPtr listener) = 0;
    /// Writes without waiting and returns how many bytes were accepted: for most messages all. The rest must
    /// be offered again before anything else. After a failure the stream accepts nothing more, but what the
    /// peer sent before can still be read, followed by Code::end_of_stream if the peer vanished.
    virtual Result<std::size_t> try_write(Bytes bytes) = 0;

    /// when_readable() for coroutines.
    boost::asio::awaitable<Result<void>> wait_readable();
    /// when_writable() for coroutines.
    boost::asio::awaitable<Result<void>> wait_writable();
    /// Waits until it can read at least one byte, and returns how many it read; 0 at the orderly end.
    boost::asio::awaitable<Result<std::size_t>> read_some(Buffer into);
    /// Writes all of `bytes`, or fails.
    boost::asio::awaitable<Result<void>> write_all(Bytes bytes);
    /// Tells the peer that no more bytes follow (FIN; on TLS close_notify and FIN). Reading is still
    /// possible.
    virtual boost::asio::awaitable<Result<void>> shutdown_send() = 0;

    /// Makes a pending wait for bytes fail with Code::cancelled; the stream stays usable. Must not be called
    /// while a write is in progress. Has no effect when no wait is pending or the wait is about to succeed.
    virtual void wake() noexcept = 0;
    /// Makes pending and all later operations fail with Code::cancelled. The stream must then be closed.
    virtual void cancel() noexcept = 0;
    /// Closes immediately, without close_notify or shutdown. Pending operations fail with Code::cancelled.
    virtual void close() noexcept = 0;
    virtual boost::asio::any_io_executor executor() = 0;

    /// Sets the listener that the first cancel() or close() calls, once, even when no operation is pending.
    /// With it, an owner of this stream and another one learns of the end immediately. There is one listener
    /// at a time; null removes it. It must not close this stream.
    void on_cancelled(std::function<void()> listener) { on_cancelled_ = std::move(listener); }

protected:
    ByteStream() = default;
    ByteStream(ByteStream&&) = default;
    ByteStream& operator=(ByteStream&&) = default;
    /// Calls `listener` from the loop, for a wait that is over before it begins.
    void tell_soon(ReadyListenerPtr listener, Result<void> ready);
    /// Calls the listener of on_cancelled(). For cancel() and close().
    void tell_cancelled() noexcept {
        if (const auto listener = std::exchange(on_cancelled_, nullptr)) {
            listener();
        }
    }

private:
    std::function<void()> on_cancelled_;
};

}  // namespace postern::net
