#include "support/echo_server.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "support/loopback_address.hpp"

namespace postern::test {

EchoServer::EchoServer()
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 4096) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("the echo server cannot listen");
    }
    port_ = ntohs(address.sin_port);
    for (const int fd : {listener_, wake_}) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    thread_ = std::thread([this] { serve(); });
}

EchoServer::~EchoServer() {
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) == sizeof one) {
        thread_.join();
    }
    ::close(wake_);
    ::close(epoll_);
    ::close(listener_);
}

void EchoServer::serve() {
    // What each connection's peer has not taken yet.
    std::unordered_map<int, std::string> pending;
    std::array<epoll_event, 256> events{};
    std::array<char, 65536> block{};
    const auto watch = [this](int fd, std::uint32_t what, int how) {
        epoll_event event{};
        event.events = what;
        event.data.fd = fd;
        ::epoll_ctl(epoll_, how, fd, &event);
    };
    const auto flush = [&](int fd) {
        std::string& rest = pending[fd];
        const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            rest.erase(0, static_cast<std::size_t>(sent));
        }
        watch(fd, rest.empty() ? EPOLLIN : EPOLLOUT, EPOLL_CTL_MOD);
    };
    while (true) {
        const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == wake_) {
                for (const auto& [open, rest] : pending) {
                    ::close(open);
                }
                return;
            }
            if (fd == listener_) {
                for (int peer = 0;
                     (peer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                    pending[peer];
                    watch(peer, EPOLLIN, EPOLL_CTL_ADD);
                    ++open_;
                    ++accepted_;
                }
                continue;
            }
            if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
                flush(fd);
                continue;
            }
            const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
            if (got > 0) {
                heard_ += static_cast<std::size_t>(got);
                pending[fd].append(block.data(), static_cast<std::size_t>(got));
                flush(fd);
            } else {
                pending.erase(fd);
                ::close(fd);
                --open_;
            }
        }
    }
}

}  // namespace postern::test
