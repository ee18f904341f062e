#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "roles.hpp"
#include "sockets.hpp"

namespace postern::bench {

namespace {

/// The state of one connection of the backend. The backend writes only as much as the socket takes, and waits
/// for the rest.
struct Served {
    std::string head;
    char kind = 0;
    std::uint64_t left = 0;
    /// For kEcho: the bytes that the socket has not taken yet.
    std::string unsent;
    bool is_done = false;
};

class Backend {
public:
    explicit Backend(unsigned short port) : listening_(listen_on(port)), block_(new char[kBlock]()) {
        poller_.add(listening_, EPOLLIN, [this](std::uint32_t) { accept_all(); });
        poller_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { is_over_ = true; });
    }

    void run() {
        std::printf("%u\n", port_of(listening_));
        std::fflush(stdout);
        while (!is_over_) {
            poller_.poll(-1);
        }
    }

private:
    void accept_all() {
        for (int fd = accept_from(listening_); fd >= 0; fd = accept_from(listening_)) {
            auto served = std::make_shared<Served>();
            poller_.add(fd, EPOLLIN, [this, fd, served](std::uint32_t) { step(fd, *served); });
        }
    }

    void step(int fd, Served& served) {
        if (served.kind == 0 && !read_order(fd, served)) {
            return;
        }
        if (served.kind == kEcho) {
            echo(fd, served);
        } else if (served.kind == kUpload) {
            swallow(fd, served);
        } else {
            pour(fd, served);
        }
    }

    /// Reads the order that begins a connection. Returns false while it is not complete, and when the
    /// connection has ended.
    bool read_order(int fd, Served& served) {
        while (served.head.empty() || (served.head[0] != kEcho && served.head.size() < kOrderBytes)) {
            const std::size_t wanted = served.head.empty() ? 1 : kOrderBytes - served.head.size();
            std::array<char, kOrderBytes> bytes{};
            const Moved moved = receive(fd, bytes.data(), wanted);
            if (moved.would_block) {
                return false;
            }
            if (moved.has_ended) {
                poller_.remove(fd);
                return false;
            }
            served.head.append(bytes.data(), moved.bytes);
        }
        for (std::size_t i = 1; i < served.head.size(); ++i) {
            served.left |= static_cast<std::uint64_t>(static_cast<unsigned char>(served.head[i]))
                           << (8 * (i - 1));
        }
        served.kind = served.head[0];
        if (served.kind == kDownload) {
            poller_.change(fd, EPOLLOUT);
        }
        return true;
    }

    void echo(int fd, Served& served) {
        if (served.unsent.empty()) {
            const Moved got = receive(fd, block_.get(), kBlock);
            if (got.would_block) {
                return;
            }
            if (got.has_ended) {
                return poller_.remove(fd);
            }
            served.unsent.assign(block_.get(), got.bytes);
        }
        const Moved sent = transmit(fd, served.unsent.data(), served.unsent.size());
        if (sent.has_ended) {
            return poller_.remove(fd);
        }
        served.unsent.erase(0, sent.bytes);
        if (!served.unsent.empty()) {
            poller_.change(fd, EPOLLOUT);
            served.is_done = true;
        } else if (served.is_done) {
            poller_.change(fd, EPOLLIN);
            served.is_done = false;
        }
    }

    void swallow(int fd, Served& served) {
        const Moved got = receive(fd, block_.get(), kBlock);
        if (got.would_block) {
            return;
        }
        if (got.has_ended) {
            return poller_.remove(fd);
        }
        served.left -= std::min<std::uint64_t>(served.left, got.bytes);
        if (served.left == 0 && !served.is_done) {
            served.is_done = true;
            transmit(fd, "k", 1);
        }
    }

    void pour(int fd, Served& served) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(served.left, kBlock));
        if (size > 0) {
            const Moved sent = transmit(fd, block_.get(), size);
            if (sent.has_ended) {
                return poller_.remove(fd);
            }
            served.left -= sent.bytes;
            if (served.left == 0) {
                poller_.change(fd, EPOLLIN);
            }
            return;
        }
        const Moved got = receive(fd, block_.get(), kBlock);
        if (got.has_ended) {
            poller_.remove(fd);
        }
    }

    Poller poller_;
    int listening_;
    std::unique_ptr<char[]> block_;
    bool is_over_ = false;
};

}  // namespace

int serve_backend(unsigned short port) {
    Backend backend(port);
    backend.run();
    return 0;
}

}  // namespace postern::bench
