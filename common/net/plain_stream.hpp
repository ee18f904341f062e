// TCP and Unix sockets without TLS.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/ack_monitor.hpp"
#include "net/address.hpp"
#include "net/byte_stream.hpp"

namespace postern::net {

/// One end of a connection as records show it: "192.0.2.7" and 50412; "unix" and 0 for a Unix socket.
struct Endpoint {
    std::string address;
    unsigned short port = 0;

    /// "192.0.2.7:50412", "[2001:db8::1]:50412" or "unix".
    std::string text() const;
};

/// A ByteStream on a stream socket, which it owns. Move it only while no operation is pending. Not
/// thread-safe.
class PlainStream final : public ByteStream {
public:
    /// Takes over any connected stream socket and makes it non-blocking. On TCP it sets TCP_NODELAY,
    /// SO_KEEPALIVE and a bound on unsent bytes in the kernel.
    explicit PlainStream(boost::asio::generic::stream_protocol::socket socket);
    /// Takes over a socket that was accepted from `remote`, which remote() then always returns.
    PlainStream(boost::asio::generic::stream_protocol::socket socket,
                const boost::asio::generic::stream_protocol::endpoint& remote);

    void when_readable(ReadyListenerPtr listener) override;
    Result<std::optional<std::size_t>> try_read(Buffer into) override;
    void when_writable(ReadyListenerPtr listener) override;
    Result<std::size_t> try_write(Bytes bytes) override;
    boost::asio::awaitable<Result<void>> shutdown_send() override;
    void wake() noexcept override;
    void cancel() noexcept override;
    void close() noexcept override;
    boost::asio::any_io_executor executor() override;

    /// Does what try_write() does, for bytes that more bytes follow immediately: the kernel may send both in
    /// one segment (MSG_MORE).
    Result<std::size_t> try_write_more(Bytes bytes);

    /// When to consider a TCP peer lost that has sent no FIN and no reset: after `silence` the kernel sends a
    /// keepalive probe, and another after each `interval`, until `questions` of them are unanswered; and sent
    /// data may stay unacknowledged for `unconfirmed`. Reading then fails with Code::end_of_stream.
    struct Liveness {
        std::chrono::seconds silence;
        std::chrono::seconds interval;
        int questions;
        /// TCP_USER_TIMEOUT, which then also limits the keepalive probes. While the peer's window is closed,
        /// the kernel counts waiting data as unacknowledged even if the peer answers every window probe: a
        /// reader that pauses for this long is cut off. Without the option only silence counts: the kernel
        /// gives up on unacknowledged data, and on a closed window whose probes nobody answers, after
        /// tcp_retries2 attempts, which by default take 15 to 30 minutes.
        std::optional<std::chrono::milliseconds> unconfirmed;
    };
    /// Sets the socket options for `liveness`. No effect if the socket is not TCP.
    void expect(const Liveness& liveness) noexcept;
    /// Sets only TCP_USER_TIMEOUT; 0 restores the kernel's default.
    void expect_confirmation_within(std::chrono::milliseconds timeout) noexcept;
    /// What AckMonitor needs to know; nothing is owed if the socket is not TCP.
    PeerAnswers answers() noexcept;
    /// The time since the peer last acknowledged or sent anything (TCP_INFO); zero if the socket is not TCP.
    std::chrono::milliseconds since_heard() noexcept;
    /// Selects what the peer sees when the socket is closed, also by the end of this process: a connection
    /// that was cut off (on TCP, a reset) or an orderly end.
    void set_reset_on_close(bool is_cut_off) noexcept;
    /// Ends the connection as if it had been lost: reading fails with Code::end_of_stream on TLS, and writing
    /// fails.
    void abort() noexcept;

    /// This end and the peer's end. Both are empty once the connection is lost, but an accepted connection
    /// keeps its remote end.
    Endpoint local() const;
    Endpoint remote() const;
    bool is_open() const noexcept { return socket_.is_open(); }
    /// Whether bytes have arrived that try_read() has not returned.
    bool has_unread() noexcept;
    /// Whether neither unread bytes nor the end of the stream have arrived.
    bool is_silent() noexcept;
    int fd() noexcept { return socket_.native_handle(); }
    boost::asio::generic::stream_protocol::socket& socket() noexcept { return socket_; }

private:
    void when(boost::asio::socket_base::wait_type what, ReadyListenerPtr listener);
    Result<std::optional<std::size_t>> receive(Buffer into);
    std::size_t take_ahead(Buffer into) noexcept;
    Result<std::size_t> send(Bytes bytes, int flags);

    /// The size of the read-ahead buffer. If messages are short, waiting for one also reads it: a wait that
    /// reads nothing costs Asio an epoll_ctl(2), while reading costs a recv(2) that may find nothing, which
    /// is cheaper. The buffer has room for a short message and the overhead of TLS, and is small enough for
    /// thousands of idle connections. For bulk data it would only cost an extra read.
    static constexpr std::size_t kAhead = 128;

    boost::asio::generic::stream_protocol::socket socket_;
    /// The peer of an accepted connection: the kernel forgets it when the peer resets the connection.
    std::optional<Endpoint> accepted_from_;
    std::array<unsigned char, kAhead> ahead_;
    std::uint8_t ahead_begin_ = 0;
    std::uint8_t ahead_end_ = 0;
    /// Whether a wait is reading into `ahead_`; nothing else may read until it is over.
    bool is_reading_ahead_ = false;
    bool is_cancelled_ = false;
    /// Whether the last read returned no more than the read-ahead buffer holds.
    bool was_short_ = true;
    /// Whether a wait reached the end of the stream. Asio would let another wait hang.
    bool has_ended_ = false;
    /// The errno that ended reading, or 0. The kernel reports it once; it is kept so that each later read
    /// fails as well.
    int read_error_ = 0;
    /// The errno that ended writing, or 0. The reader must learn of it, too.
    int write_error_ = 0;
};

}  // namespace postern::net
