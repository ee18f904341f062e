#include "net/plain_stream.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/exhaustion.hpp"
#include "net/await.hpp"

namespace postern::net {

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;

namespace {

/// The most unsent bytes that a socket accepts (TCP_NOTSENT_LOWAT, Linux 3.12). Without this bound the kernel
/// buffers megabytes for each connection, which have left the CPU caches by the time they are sent.
constexpr int kMostUnsent = 128 * 1024;

Failure cancelled() {
    return Failure{Code::cancelled, "the stream was closed on this side"};
}

/// The failure that an errno means on an established connection.
Failure lost(int error, std::string_view what) {
    if (auto own = exhaustion_of(error)) {
        return *std::move(own);
    }
    const Code code = error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == ECONNABORTED ||
                              error == EHOSTUNREACH || error == ENETUNREACH || error == ENOTCONN
                          ? Code::end_of_stream
                          : Code::io_failed;
    return Failure{code, std::string(what) + ": " + std::strerror(error)};
}

Endpoint to_endpoint(const asio::generic::stream_protocol::endpoint& endpoint) {
    Endpoint result;
    if (endpoint.data()->sa_family == AF_UNIX) {
        result.address = "unix";
        return result;
    }
    asio::ip::tcp::endpoint tcp;
    if (endpoint.size() > tcp.capacity()) {
        return result;
    }
    std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
    tcp.resize(endpoint.size());
    // A dual-stack listener sees IPv4 peers as ::ffff:192.0.2.1.
    const bool is_v4 = tcp.address().is_v6() && tcp.address().to_v6().is_v4_mapped();
    result.address = is_v4 ? asio::ip::make_address_v4(asio::ip::v4_mapped, tcp.address().to_v6()).to_string()
                           : tcp.address().to_string();
    result.port = tcp.port();
    return result;
}

}  // namespace

std::string Endpoint::text() const {
    if (address == "unix") {
        return address;
    }
    const bool is_v6 = address.find(':') != std::string::npos;
    return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

PlainStream::PlainStream(Socket socket) : socket_(std::move(socket)) {
    boost::system::error_code ignored;
    socket_.native_non_blocking(true, ignored);
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_DOMAIN, &family, &length);
    if (family == AF_INET || family == AF_INET6) {
        const int on = 1;
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMostUnsent,
                     sizeof kMostUnsent);
    }
}

PlainStream::PlainStream(Socket socket, const asio::generic::stream_protocol::endpoint& remote)
    : PlainStream(std::move(socket)) {
    accepted_from_ = to_endpoint(remote);
}

void PlainStream::when(asio::socket_base::wait_type what, ReadyListenerPtr listener) {
    if (is_cancelled_) {
        return tell_soon(std::move(listener), cancelled());
    }
    socket_.async_wait(what, [this, listener = std::move(listener)](const boost::system::error_code& error) {
        const bool is_ready = !error && !is_cancelled_;
        listener->on_ready(is_ready ? Result<void>() : Result<void>(cancelled()));
    });
}

void PlainStream::when_readable(ReadyListenerPtr listener) {
    if (is_cancelled_) {
        return tell_soon(std::move(listener), cancelled());
    }
    const bool is_ready = ahead_begin_ < ahead_end_ || has_ended_ || read_error_ != 0;
    if (is_ready) {
        return tell_soon(std::move(listener), Result<void>());
    }
    if (!was_short_) {
        return when(asio::socket_base::wait_read, std::move(listener));
    }
    is_reading_ahead_ = true;
    const auto into = asio::buffer(ahead_);
    socket_.async_read_some(into, [this, listener = std::move(listener)](
                                      const boost::system::error_code& error, std::size_t got) {
        is_reading_ahead_ = false;
        if (error == asio::error::operation_aborted || is_cancelled_) {
            return listener->on_ready(cancelled());
        }
        ahead_begin_ = 0;
        ahead_end_ = static_cast<std::uint8_t>(got);
        has_ended_ = error == asio::error::eof || error == asio::error::broken_pipe;
        if (error && !has_ended_) {
            read_error_ = error.value();
        }
        listener->on_ready(Result<void>());
    });
}

Result<std::optional<std::size_t>> PlainStream::try_read(Buffer into) {
    if (is_cancelled_) {
        return cancelled();
    }
    // Bytes read now might follow those that the pending wait has read but not reported yet.
    if (is_reading_ahead_) {
        return std::optional<std::size_t>();
    }
    const bool is_whole = ahead_begin_ < ahead_end_ && ahead_end_ < kAhead;
    const std::size_t taken = take_ahead(into);
    if (taken > 0 && (is_whole || taken == into.size())) {
        return std::optional<std::size_t>(taken);
    }
    Result<std::optional<std::size_t>> got = receive(into.subspan(taken));
    if (got && got.value()) {
        was_short_ = taken + *got.value() <= kAhead;
    }
    if (taken == 0) {
        return got;
    }
    // Bytes that precede the end or the failure are returned first.
    return std::optional<std::size_t>(taken + (got ? got.value().value_or(0) : 0));
}

std::size_t PlainStream::take_ahead(Buffer into) noexcept {
    const std::size_t count = std::min<std::size_t>(into.size(), ahead_end_ - ahead_begin_);
    if (count > 0) {
        std::memcpy(into.data(), ahead_.data() + ahead_begin_, count);
    }
    ahead_begin_ = static_cast<std::uint8_t>(ahead_begin_ + count);
    return count;
}

Result<std::optional<std::size_t>> PlainStream::receive(Buffer into) {
    while (read_error_ == 0) {
        const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
        if (got > 0) {
            return std::optional<std::size_t>(static_cast<std::size_t>(got));
        }
        // The kernel reports a reset once, to the first caller, and then shows the reader an end of file.
        // EPIPE is the reset of a peer that had ended its direction in order before.
        const int error = got < 0 ? errno : write_error_;
        if (error == 0 || error == EPIPE) {
            return std::optional<std::size_t>(0);
        }
        if (error == EAGAIN) {
            return std::optional<std::size_t>();
        }
        if (error != EINTR) {
            read_error_ = error;
        }
    }
    return lost(read_error_, "reading");
}

bool PlainStream::is_silent() noexcept {
    unsigned char byte = 0;
    const ssize_t got = ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN && ahead_begin_ == ahead_end_ && read_error_ == 0;
}

bool PlainStream::has_unread() noexcept {
    int count = 0;
    return ahead_begin_ < ahead_end_ || (::ioctl(fd(), FIONREAD, &count) == 0 && count > 0);
}

void PlainStream::when_writable(ReadyListenerPtr listener) {
    when(asio::socket_base::wait_write, std::move(listener));
}

Result<std::size_t> PlainStream::try_write(Bytes bytes) {
    return send(bytes, 0);
}

Result<std::size_t> PlainStream::try_write_more(Bytes bytes) {
    return send(bytes, MSG_MORE);
}

Result<std::size_t> PlainStream::send(Bytes bytes, int flags) {
    if (is_cancelled_) {
        return cancelled();
    }
    for (;;) {
        const ssize_t sent =
            ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
        if (sent >= 0) {
            return static_cast<std::size_t>(sent);
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno == EAGAIN) {
            return std::size_t{0};
        }
        if (write_error_ == 0) {
            write_error_ = errno;
        }
        return lost(errno, "writing");
    }
}

asio::awaitable<Result<void>> PlainStream::shutdown_send() {
    if (is_cancelled_) {
        co_return cancelled();
    }
    // If the peer is already gone, reading will report it.
    if (::shutdown(socket_.native_handle(), SHUT_WR) != 0 && errno != ENOTCONN) {
        co_return lost(errno, "shutting down");
    }
    co_return Result<void>();
}

void PlainStream::wake() noexcept {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void PlainStream::cancel() noexcept {
    is_cancelled_ = true;
    wake();
    tell_cancelled();
}

void PlainStream::close() noexcept {
    is_cancelled_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
    tell_cancelled();
}

void PlainStream::set_reset_on_close(bool is_cut_off) noexcept {
    const ::linger at_once{is_cut_off ? 1 : 0, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

asio::any_io_executor PlainStream::executor() {
    return socket_.get_executor();
}

void PlainStream::expect(const Liveness& liveness) noexcept {
    const int silence = static_cast<int>(liveness.silence.count());
    const int interval = static_cast<int>(liveness.interval.count());
    ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof silence);
    ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPCNT, &liveness.questions, sizeof liveness.questions);
    if (liveness.unconfirmed) {
        expect_confirmation_within(*liveness.unconfirmed);
    }
}

void PlainStream::expect_confirmation_within(std::chrono::milliseconds timeout) noexcept {
    const auto milliseconds = static_cast<unsigned>(timeout.count());
    ::setsockopt(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

PeerAnswers PlainStream::answers() noexcept {
    // The kernel's structure has more fields than the C library's (linux/tcp.h, Linux 4.1).
    struct {
        tcp_info known;
        std::uint64_t pacing_rate;
        std::uint64_t max_pacing_rate;
        std::uint64_t bytes_acked;
    } info{};
    static_assert(sizeof info.known == 104);
    socklen_t size = sizeof info;
    ::getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size);
    return {info.known.tcpi_retransmits > 0 || info.known.tcpi_probes > 0, info.bytes_acked};
}

std::chrono::milliseconds PlainStream::since_heard() noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size);
    return std::chrono::milliseconds(std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv));
}

void PlainStream::abort() noexcept {
    ::shutdown(fd(), SHUT_RDWR);
}

Endpoint PlainStream::local() const {
    boost::system::error_code error;
    const auto endpoint = socket_.local_endpoint(error);
    return error ? Endpoint() : to_endpoint(endpoint);
}

Endpoint PlainStream::remote() const {
    if (accepted_from_) {
        return *accepted_from_;
    }
    boost::system::error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    return error ? Endpoint() : to_endpoint(endpoint);
}

}  // namespace postern::net
