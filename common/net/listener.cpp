#include "net/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "base/exhaustion.hpp"
#include "base/log.hpp"
#include "base/outage.hpp"
#include "base/unique_fd.hpp"
#include "net/await.hpp"

namespace postern::net {

namespace {

constexpr int kBacklog = 4096;
/// The number of connections that are accepted each time the socket is ready: few enough that the loops take
/// turns, and enough that connections behind a flood in the backlog are reached quickly.
constexpr int kAcceptedAtOnce = 8;
constexpr auto kPauseWithoutDescriptors = std::chrono::milliseconds(100);

/// What one loop needs for accepting. It lives in that loop's coroutine.
struct Door {
    Door(asio::io_context& loop, int fd) : descriptor(loop, fd), pause(loop) {}
    asio::posix::stream_descriptor descriptor;
    asio::steady_timer pause;
};

}  // namespace

struct Listener::State {
    UniqueFd fd;
    std::string unix_path;
    ino_t inode = 0;
    dev_t device = 0;
    EventLoops* loops = nullptr;
    Serve serve;
    std::atomic<bool> is_stopped = false;
    Outage outage;
    /// One for each loop, used on that loop only; null when the loop does not accept.
    std::vector<Door*> doors;

    ~State() { remove_name(); }
    /// Removes the socket's file, unless another socket has that path by now.
    void remove_name() {
        struct stat info {};
        if (!unix_path.empty() && ::lstat(unix_path.c_str(), &info) == 0 && info.st_ino == inode &&
            info.st_dev == device) {
            ::unlink(unix_path.c_str());
        }
        unix_path.clear();
    }
    /// Remembers which file the socket has.
    void note_name(const std::string& path) {
        unix_path = path;
        struct stat info {};
        if (::lstat(path.c_str(), &info) == 0) {
            inode = info.st_ino;
            device = info.st_dev;
        }
    }
};

namespace {

Failure bind_failure(const Address& address, int error) {
    const Code code = error == EADDRINUSE ? Code::already_exists : Code::io_failed;
    return Failure{code, "listening on " + address.text() + ": " + std::strerror(error)};
}

Result<UniqueFd> listen_on_unix(const Address& address) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    if (!fd || address.host.size() >= sizeof name.sun_path) {
        return bind_failure(address, fd ? ENAMETOOLONG : errno);
    }
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.host.data(), address.host.size());
    // fchmod before bind creates the file with this mode, so that nobody can connect before the mode is set.
    if (::fchmod(fd.get(), 0600) != 0 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
        ::chmod(address.host.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
        return bind_failure(address, errno);
    }
    return fd;
}

Result<UniqueFd> listen_on_tcp(const Address& address) {
    boost::system::error_code error;
    std::string host = address.host;
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    if (host == "*") {
        host = "::";
    }
    const auto ip = asio::ip::make_address(host, error);
    if (error) {
        return Failure{Code::io_failed,
                       "listening on " + address.text() + ": the host must be an IP address"};
    }
    const asio::ip::tcp::endpoint endpoint(ip, static_cast<unsigned short>(std::stoul(address.port)));
    UniqueFd fd(
        ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    const int on = 1;
    // "[::]" is IPv6 only, so that "0.0.0.0" can use the same port; "*" covers both.
    const bool is_v6_only = ip.is_v6() && address.host != "*";
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (is_v6_only && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        ::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
        ::listen(fd.get(), kBacklog) != 0) {
        return bind_failure(address, errno);
    }
    return fd;
}

}  // namespace

Result<Listener> Listener::bind(const Address& address) {
    Result<UniqueFd> fd = address.is_unix ? listen_on_unix(address) : listen_on_tcp(address);
    if (!fd) {
        return fd.error();
    }
    auto state = std::make_shared<State>();
    state->fd = std::move(fd.value());
    if (address.is_unix) {
        state->note_name(address.host);
    }
    return Listener(std::move(state));
}

Listener Listener::adopt(int fd) {
    auto state = std::make_shared<State>();
    state->fd = UniqueFd(fd);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return Listener(std::move(state));
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::Listener(Listener&&) noexcept = default;

Listener& Listener::operator=(Listener&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Listener::~Listener() {
    if (state_ != nullptr) {
        stop();
    }
}

unsigned short Listener::port() const {
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    if (::getsockname(state_->fd.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
        return 0;
    }
    if (name.ss_family == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
    }
    if (name.ss_family == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port);
    }
    return 0;
}

namespace {

/// The outcome of accept4(2): a connection, or the errno of the failure (EAGAIN when none waits).
struct Accepted {
    int fd = -1;
    int error = 0;
    /// The peer's address. The socket itself may no longer know it (ENOTCONN), because a peer can reset the
    /// connection before it is accepted.
    asio::generic::stream_protocol::endpoint remote;
};

Accepted accept_one(int listening) {
    Accepted accepted;
    auto length = static_cast<socklen_t>(accepted.remote.capacity());
    accepted.fd = ::accept4(listening, accepted.remote.data(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted.fd < 0) {
        accepted.error = errno;
    } else {
        accepted.remote.resize(length);
    }
    return accepted;
}

/// The address family and the protocol of a socket.
asio::generic::stream_protocol protocol_of(int fd) {
    int family = AF_INET;
    int protocol = 0;
    socklen_t length = sizeof family;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    length = sizeof protocol;
    ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
    return asio::generic::stream_protocol(family, protocol);
}

}  // namespace

/// The coroutine that accepts on one loop.
struct Listener::AcceptLoop {
    static asio::awaitable<void> run(std::shared_ptr<State> state, asio::io_context& loop, std::size_t index,
                                     int fd) {
        Door door(loop, fd);
        state->doors[index] = &door;
        while (!state->is_stopped) {
            auto [error] =
                co_await door.descriptor.async_wait(asio::posix::descriptor_base::wait_read, kAwait);
            if (error || state->is_stopped) {
                break;
            }
            const int failed = accept_some(*state, loop, index, door.descriptor.native_handle());
            if (const auto own = exhaustion_of(failed)) {
                if (state->outage.fails(std::chrono::steady_clock::now())) {
                    spdlog::error("event=accept.paused reason={}", quoted(own->detail));
                }
                door.pause.expires_after(kPauseWithoutDescriptors);
                co_await door.pause.async_wait(kAwait);
            } else if (failed == EBADF || failed == EINVAL) {
                break;
            }
        }
        state->doors[index] = nullptr;
    }

    /// Accepts some connections. Returns the errno that ended it; 0 when there may be more.
    static int accept_some(State& state, asio::io_context& loop, std::size_t index, int listening) {
        for (int i = 0; i < kAcceptedAtOnce; ++i) {
            const Accepted accepted = accept_one(listening);
            if (accepted.fd < 0) {
                return accepted.error;
            }
            asio::generic::stream_protocol::socket socket(loop, protocol_of(accepted.fd), accepted.fd);
            if (const auto pauses = state.outage.works(std::chrono::steady_clock::now())) {
                spdlog::info("event=accept.resumed pauses={}", *pauses);
            }
            state.serve(loop, index, PlainStream(std::move(socket), accepted.remote));
        }
        return 0;
    }
};

void Listener::accept_on(EventLoops& loops, Serve serve) {
    state_->loops = &loops;
    state_->serve = std::move(serve);
    state_->doors.assign(loops.size(), nullptr);
    for (std::size_t i = 0; i < loops.size(); ++i) {
        const int fd = ::fcntl(state_->fd.get(), F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            spdlog::error("event=accept.failed error=\"{}\"", std::strerror(errno));
            continue;
        }
        spawn(loops.at(i), "accept", AcceptLoop::run(state_, loops.at(i), i, fd));
    }
}

void Listener::stop() {
    if (state_->is_stopped.exchange(true)) {
        return;
    }
    // The loops close their copies of the descriptor a little later, but the port or the path is free for
    // another listener now.
    ::shutdown(state_->fd.get(), SHUT_RDWR);
    state_->fd = UniqueFd();
    state_->remove_name();
    if (state_->loops == nullptr) {
        return;
    }
    for (std::size_t i = 0; i < state_->loops->size(); ++i) {
        asio::post(state_->loops->at(i), [state = state_, i] {
            if (Door* door = state->doors[i]; door != nullptr) {
                boost::system::error_code ignored;
                door->descriptor.close(ignored);
                door->pause.cancel();
            }
        });
    }
}

}  // namespace postern::net
