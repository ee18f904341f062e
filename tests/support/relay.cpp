#include "support/relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "support/loopback_address.hpp"

namespace postern::test {

Relay::Relay(int target_port, const std::string& host)
    : target_(target_port),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address = loopback(0, host);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw std::runtime_error("the relay has no port");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

Relay::~Relay() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    thread_.join();
    for (const auto& [fd, end] : ends_) {
        ::close(fd);
    }
    ::close(listener_);
    ::close(wake_);
}

void Relay::close_at_next_word() {
    doomed_until_ = accepted_.load();
}

void Relay::close_at_next_answer() {
    answers_lost_until_ = accepted_.load();
}

void Relay::serve() {
    for (;;) {
        std::vector<pollfd> waiting{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& [fd, end] : ends_) {
            waiting.push_back({fd, POLLIN, 0});
        }
        if (::poll(waiting.data(), waiting.size(), -1) <= 0) {
            continue;
        }
        if (waiting[0].revents != 0) {
            return;
        }
        if (waiting[1].revents != 0) {
            accept();
        }
        for (std::size_t i = 2; i < waiting.size(); ++i) {
            const auto found = ends_.find(waiting[i].fd);
            if (waiting[i].revents == 0 || found == ends_.end()) {
                continue;
            }
            const End end = found->second;
            const bool is_doomed = end.number <= (end.is_client ? doomed_until_ : answers_lost_until_);
            if (is_doomed || !pass(waiting[i].fd, end.other)) {
                drop(waiting[i].fd);
            }
        }
    }
}

void Relay::accept() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
        return;
    }
    ++accepted_;
    if (rejects_) {
        ::close(client);
        return;
    }
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(client);
        ::close(server);
        return;
    }
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ends_[client] = {server, true, accepted_};
    ends_[server] = {client, false, accepted_};
    ++open_;
}

/// Returns false at the end of the connection.
bool Relay::pass(int from, int to) {
    std::array<char, 65536> block{};
    const ssize_t got = ::recv(from, block.data(), block.size(), 0);
    for (ssize_t sent = 0; sent < got;) {
        const ssize_t more =
            ::send(to, block.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        if (more <= 0) {
            return false;
        }
        sent += more;
    }
    return got > 0;
}

void Relay::drop(int fd) {
    const int other = ends_.at(fd).other;
    ends_.erase(fd);
    ends_.erase(other);
    ::close(fd);
    ::close(other);
    --open_;
}

}  // namespace postern::test
