// TCP and Unix sockets without TLS, and the ways to get one.
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

/// One end of a connection, as records name it: "192.0.2.7" and 50412; "unix" and 0 for a Unix socket.
struct Endpoint {
    std::string address;
    unsigned short port = 0;

    /// "192.0.2.7:50412", "[2001:db8::1]:50412".
    std::string text() const;
};

class PlainStream final : public ByteStream {
public:
    /// Any stream socket; sets non-blocking mode, and where it is TCP TCP_NODELAY, SO_KEEPALIVE and a bound
    /// on what waits in the kernel to be sent.
    explicit PlainStream(boost::asio::generic::stream_protocol::socket socket);
    /// One that was accepted from `remote`, which remote() then says for good.
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

    /// At once rather than with try_write() when more bytes follow that may leave in the same segment.
    Result<std::size_t> try_write_more(Bytes bytes);

    /// When a peer across a network is to be taken for gone that does not say so: after such a silence it is
    /// asked (TCP keepalive), again after each interval, until it has left so many questions unanswered; and
    /// what was sent may stay unconfirmed for so long. Reading then fails with end_of_stream.
    struct Liveness {
        std::chrono::seconds silence;
        std::chrono::seconds interval;
        int questions;
        /// TCP_USER_TIMEOUT, which then ends the questions, too. The kernel counts what a peer has no room
        /// for as unconfirmed, however faithfully that answers the probes of its window: a reader that pauses
        /// for so long is cut. Without it, only silence counts: the kernel gives up what is not confirmed,
        /// and a closed window whose probes nobody answers, after tcp_retries2 attempts, which by default
        /// take 15 to 30 minutes.
        std::optional<std::chrono::milliseconds> unconfirmed;
    };
    void expect(const Liveness& liveness) noexcept;
    /// `unconfirmed` alone.
    void expect_confirmation_within(std::chrono::milliseconds timeout) noexcept;
    PeerAnswers answers() noexcept;
    /// Since the peer last confirmed or said something (TCP_INFO); zero where it is not TCP.
    std::chrono::milliseconds since_heard() noexcept;
    /// What closing says from now on, also when it is the end of this process that closes: that the stream
    /// was cut off (a reset, where it is TCP), or that all was said.
    void set_reset_on_close(bool is_cut_off) noexcept;
    /// Ends the connection as if it had been lost: reading fails with end_of_stream on TLS, writing too.
    void abort() noexcept;

    /// Empty addresses once the connection is gone; of one that was accepted, the remote one stays.
    Endpoint local() const;
    Endpoint remote() const;
    bool is_open() const noexcept { return socket_.is_open(); }
    /// Whether a byte has come that try_read() has not handed out.
    bool has_unread() noexcept;
    /// Whether neither a byte has come that try_read() has not handed out, nor the end.
    bool is_silent() noexcept;
    int fd() noexcept { return socket_.native_handle(); }
    boost::asio::generic::stream_protocol::socket& socket() noexcept { return socket_; }

private:
    void when(boost::asio::socket_base::wait_type what, ReadyListenerPtr listener);
    Result<std::optional<std::size_t>> receive(Buffer into);
    std::size_t take_ahead(Buffer into) noexcept;
    Result<std::size_t> send(Bytes bytes, int flags);

    /// Where messages are short, waiting for one reads it: a wait that reads nothing costs Asio an
    /// epoll_ctl(2), one that reads a recv(2) in vain, which is cheaper. Room for a message and what TLS adds
    /// to it, and little enough for thousands that are idle. Of many bytes it would be one read too many.
    static constexpr std::size_t kAhead = 128;

    boost::asio::generic::stream_protocol::socket socket_;
    /// Of one that was accepted: the kernel forgets it when the peer resets the connection.
    std::optional<Endpoint> accepted_from_;
    std::array<unsigned char, kAhead> ahead_;
    std::uint8_t ahead_begin_ = 0;
    std::uint8_t ahead_end_ = 0;
    /// By a wait: nobody else reads until it is over.
    bool is_reading_ahead_ = false;
    bool is_cancelled_ = false;
    /// The last read brought no more than a wait could have.
    bool was_short_ = true;
    /// A wait has met the end. Asio would have another one wait for news that never come.
    bool has_ended_ = false;
    /// errno of what ended the reading; the kernel tells once, each later read here again. 0: nothing did.
    int read_error_ = 0;
    /// errno of what ended the writing, of which the reader is to learn, too.
    int write_error_ = 0;
};

}  // namespace postern::net
