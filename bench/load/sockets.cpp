#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace postern::bench {

namespace {

sockaddr_in loopback(unsigned short port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int new_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    return fd;
}

void set_no_delay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Moved outcome(ssize_t moved) {
    Moved result;
    if (moved > 0) {
        result.bytes = static_cast<std::size_t>(moved);
    } else if (moved < 0 && (errno == EAGAIN || errno == EINTR)) {
        result.would_block = true;
    } else {
        result.has_ended = true;
    }
    return result;
}

}  // namespace

void die(const std::string& what) {
    std::fprintf(stderr, "load: %s%s%s\n", what.c_str(), errno != 0 ? ": " : "",
                 errno != 0 ? std::strerror(errno) : "");
    std::exit(1);
}

int listen_on(unsigned short port) {
    const int fd = new_socket();
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 4096) != 0) {
        die("listening on port " + std::to_string(port));
    }
    return fd;
}

unsigned short port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        die("getsockname");
    }
    return ntohs(address.sin_port);
}

int accept_from(int listening) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        die("accept");
    }
    if (fd >= 0) {
        set_no_delay(fd);
    }
    return fd;
}

int begin_connect(unsigned short port) {
    const int fd = new_socket();
    set_no_delay(fd);
    const sockaddr_in address = loopback(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS) {
        die("connecting to port " + std::to_string(port));
    }
    return fd;
}

Moved receive(int fd, void* into, std::size_t size) {
    return outcome(::recv(fd, into, size, 0));
}

Moved transmit(int fd, const void* bytes, std::size_t size) {
    return outcome(::send(fd, bytes, size, MSG_NOSIGNAL));
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) {
        die("epoll_create1");
    }
}

Poller::~Poller() {
    ::close(epoll_);
}

void Poller::add(int fd, std::uint32_t events, Handler handler) {
    if (handlers_.size() <= static_cast<std::size_t>(fd)) {
        handlers_.resize(static_cast<std::size_t>(fd) + 1);
    }
    handlers_[static_cast<std::size_t>(fd)] = std::move(handler);
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

void Poller::change(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

void Poller::replace(int fd, Handler handler) {
    handlers_[static_cast<std::size_t>(fd)] = std::move(handler);
}

void Poller::remove(int fd) {
    handlers_[static_cast<std::size_t>(fd)] = nullptr;
    ::close(fd);
}

void Poller::poll(int milliseconds) {
    const timespec timeout{milliseconds / 1000, milliseconds % 1000 * 1'000'000L};
    wait(milliseconds < 0 ? nullptr : &timeout);
}

void Poller::poll_until(Clock::time_point end) {
    const auto left = std::max(end - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const std::chrono::nanoseconds rest = left - seconds;
    const timespec timeout{seconds.count(), rest.count()};
    wait(&timeout);
}

void Poller::wait(const timespec* timeout) {
    std::array<epoll_event, 256> events{};
    const int count =
        ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), timeout, nullptr);
    if (count < 0 && errno != EINTR) {
        die("epoll_pwait2");
    }
    for (int i = 0; i < count; ++i) {
        const auto fd = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.fd);
        // The handler is copied, because it may remove itself.
        const Handler handler = handlers_[fd];
        if (handler) {
            handler(events[static_cast<std::size_t>(i)].events);
        }
    }
}

double quantile(std::vector<double>& values, double part) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size()));
    return values[std::min(at, values.size() - 1)];
}

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string order(char kind, std::uint64_t length) {
    std::string text(1, kind);
    if (kind == kEcho) {
        return text;
    }
    for (int i = 0; i < 8; ++i) {
        text += static_cast<char>((length >> (8 * i)) & 0xff);
    }
    return text;
}

}  // namespace postern::bench
