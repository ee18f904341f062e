#include "net/dial.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/exhaustion.hpp"
#include "net/await.hpp"
#include "net/deadline_timer.hpp"
#include "net/happy_eyeballs.hpp"
#include "net/resolver.hpp"

namespace postern::net {

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;

namespace {

/// The pause before a Unix socket with a full backlog is tried again.
constexpr std::chrono::milliseconds kLocalPause{5};

asio::awaitable<Result<std::vector<asio::ip::tcp::endpoint>>> resolve(Address address, Deadline deadline,
                                                                      Deadline network_deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    std::string host = address.host;
    Resolver::Answer answer = co_await Resolver::shared().resolve(std::move(host), deadline);
    while (answer.is_network_away && !network_deadline.has_passed()) {
        asio::steady_timer pause(executor, kNetworkPause);
        co_await pause.async_wait(kAwait);
        std::string again = address.host;
        answer = co_await Resolver::shared().resolve(std::move(again), deadline);
    }
    if (answer.failure) {
        co_return *std::move(answer.failure);
    }
    const auto port = static_cast<unsigned short>(std::stoul(address.port));
    std::vector<asio::ip::tcp::endpoint> endpoints;
    for (const auto& one : answer.addresses) {
        endpoints.emplace_back(one, port);
    }
    co_return std::move(endpoints);
}

Result<Socket> open_socket(const asio::any_io_executor& executor,
                           const asio::generic::stream_protocol& protocol) {
    Socket socket(executor);
    boost::system::error_code error;
    socket.open(protocol, error);
    if (auto own = exhaustion_of(error.value())) {
        return *std::move(own);
    }
    if (error) {
        return Failure{Code::io_failed, "opening a socket: " + error.message()};
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    return socket;
}

asio::awaitable<Result<PlainStream>> connect(asio::generic::stream_protocol::endpoint endpoint,
                                             Deadline deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Result<Socket> opened = open_socket(executor, endpoint.protocol());
    if (!opened) {
        co_return opened.error();
    }
    Socket& socket = opened.value();
    const DeadlineTimer timer(executor, deadline, [&socket] {
        boost::system::error_code ignored;
        socket.close(ignored);
    });
    auto [failed] = co_await socket.async_connect(endpoint, kAwait);
    if (timer.has_passed()) {
        co_return Failure{Code::timed_out, "connecting took too long"};
    }
    if (failed == asio::error::operation_aborted) {
        co_return Failure{Code::cancelled, "the stream was closed on this side"};
    }
    if (failed) {
        co_return Failure{Code::unreachable, failed.message()};
    }
    PlainStream stream(std::move(socket));
    co_return std::move(stream);
}

/// Connects to a Unix socket. One whose backlog is full returns EAGAIN and never becomes writable. Asio would
/// take that for a connection in progress, and later for an established one.
asio::awaitable<Result<PlainStream>> connect_local(asio::local::stream_protocol::endpoint endpoint,
                                                   Deadline deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Result<Socket> opened = open_socket(executor, endpoint.protocol());
    if (!opened) {
        co_return opened.error();
    }
    PlainStream stream(std::move(opened.value()));
    asio::steady_timer pause(executor);
    while (::connect(stream.fd(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
        if (errno != EAGAIN && errno != EINTR) {
            co_return Failure{Code::unreachable, std::strerror(errno)};
        }
        if (deadline.has_passed()) {
            co_return Failure{Code::timed_out, "connecting took too long"};
        }
        pause.expires_after(kLocalPause);
        co_await pause.async_wait(kAwait);
    }
    co_return std::move(stream);
}

}  // namespace

asio::awaitable<Result<PlainStream>> dial(Address address, Deadline deadline, Deadline network_deadline) {
    if (address.is_unix) {
        const asio::local::stream_protocol::endpoint local(address.host);
        Result<PlainStream> connected = co_await connect_local(local, deadline);
        if (!connected) {
            co_return with_context(address.text(), connected.error());
        }
        co_return connected;
    }
    Result<std::vector<asio::ip::tcp::endpoint>> found =
        co_await resolve(address, deadline, network_deadline);
    if (!found) {
        co_return found.error();
    }
    Result<PlainStream> connected = Failure{Code::unreachable, "no address"};
    if (found.value().size() == 1 && network_deadline.has_passed()) {
        const asio::generic::stream_protocol::endpoint endpoint(found.value().front());
        connected = co_await connect(endpoint, deadline);
    } else {
        connected = co_await connect_to_any(std::move(found.value()), deadline, network_deadline);
    }
    if (!connected) {
        // No address answers: the next caller shall look the name up again, in case it has moved.
        Resolver::shared().forget(address.host);
        co_return with_context(address.text(), connected.error());
    }
    co_return connected;
}

}  // namespace postern::net
