// Backends that take a connection and then say nothing.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/loopback_address.hpp"

namespace postern::test {

/// Listens, and never accepts or answers: the kernel completes the connections.
class SilentBackend {
public:
    /// `backlog` bounds the connections that nobody has accepted (listen(2)); 0 stands for as few as the
    /// kernel allows.
    explicit SilentBackend(int backlog = 16) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
            ::listen(listener_, backlog) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error("the silent backend cannot listen");
        }
        port_ = ntohs(address.sin_port);
    }
    ~SilentBackend() { ::close(listener_); }
    SilentBackend(const SilentBackend&) = delete;
    SilentBackend& operator=(const SilentBackend&) = delete;

    int port() const noexcept { return port_; }
    int listener() const noexcept { return listener_; }

private:
    int listener_;
    int port_ = 0;
};

/// A PostgreSQL that agrees to TLS, and then says nothing more.
class StuckPostgres {
public:
    StuckPostgres() : thread_([this] { serve(); }) {}
    ~StuckPostgres() {
        ::shutdown(backend_.listener(), SHUT_RDWR);
        thread_.join();
        for (const int peer : peers_) {
            ::close(peer);
        }
    }
    StuckPostgres(const StuckPostgres&) = delete;
    StuckPostgres& operator=(const StuckPostgres&) = delete;

    int port() const noexcept { return backend_.port(); }

private:
    void serve() {
        for (int peer = 0; (peer = ::accept4(backend_.listener(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
            peers_.push_back(peer);
            std::array<char, 8> request{};
            if (::recv(peer, request.data(), request.size(), MSG_WAITALL) == ssize_t{request.size()}) {
                ::send(peer, "S", 1, MSG_NOSIGNAL);
            }
        }
    }

    SilentBackend backend_;
    std::vector<int> peers_;
    std::thread thread_;
};

}  // namespace postern::test
