#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "roles.hpp"
#include "sockets.hpp"

namespace postern::bench {

namespace {

/// Opens connections that each request one echoed byte.
class Greeter {
public:
    /// Called with the socket when the byte has come, and with -1 when the connection was closed before.
    using Greeted = std::function<void(int fd, double seconds)>;

    Greeter(Poller& poller, unsigned short port, Greeted greeted)
        : poller_(poller), port_(port), greeted_(std::move(greeted)) {}

    void begin() {
        const auto start = Clock::now();
        const int fd = begin_connect(port_);
        poller_.add(fd, EPOLLOUT, [this, fd, start](std::uint32_t) {
            constexpr std::array<char, 2> kBytes{kEcho, 'x'};
            if (transmit(fd, kBytes.data(), kBytes.size()).has_ended) {
                return lose(fd);
            }
            poller_.change(fd, EPOLLIN);
            poller_.replace(fd, [this, fd, start](std::uint32_t) { hear(fd, start); });
        });
    }

private:
    void hear(int fd, Clock::time_point start) {
        char byte = 0;
        const Moved got = receive(fd, &byte, 1);
        if (got.would_block) {
            return;
        }
        if (got.has_ended) {
            return lose(fd);
        }
        greeted_(fd, seconds_since(start));
    }

    void lose(int fd) {
        poller_.remove(fd);
        greeted_(-1, 0);
    }

    Poller& poller_;
    unsigned short port_;
    Greeted greeted_;
};

}  // namespace

int measure_connects(unsigned short port, std::size_t count, std::size_t at_once,
                     std::uint64_t gap_microseconds) {
    Poller poller;
    std::vector<double> latencies;
    std::size_t begun = 0;
    std::size_t open = 0;
    std::size_t failed = 0;
    Greeter greeter(poller, port, [&](int fd, double seconds) {
        --open;
        if (fd < 0) {
            ++failed;
            return;
        }
        latencies.push_back(seconds);
        poller.remove(fd);
    });
    const auto start = Clock::now();
    while (latencies.size() + failed < count) {
        while (begun < count && open < at_once) {
            const auto due = start + std::chrono::microseconds(gap_microseconds * begun);
            if (Clock::now() < due) {
                break;
            }
            greeter.begin();
            ++begun;
            ++open;
        }
        poller.poll(gap_microseconds > 0 ? 1 : -1);
    }
    const double seconds = seconds_since(start);
    std::printf("{\"seconds\":%.6f,\"connections\":%zu,\"failed\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
                seconds, latencies.size(), failed, quantile(latencies, 0.5) * 1e6,
                quantile(latencies, 0.99) * 1e6);
    return 0;
}

namespace {

/// Opens `count` connections, a few at a time, and returns them once each has echoed a byte.
std::vector<int> open_all(Poller& poller, unsigned short port, std::size_t count) {
    constexpr std::size_t kAtOnce = 32;
    std::vector<int> opened;
    std::size_t begun = 0;
    Greeter greeter(poller, port, [&](int fd, double) {
        if (fd < 0) {
            die("a connection was closed before its first byte");
        }
        poller.replace(fd, [](std::uint32_t) { die("an idle connection was closed"); });
        opened.push_back(fd);
    });
    while (opened.size() < count) {
        for (; begun < count && begun - opened.size() < kAtOnce; ++begun) {
            greeter.begin();
        }
        poller.poll(-1);
    }
    return opened;
}

}  // namespace

int measure_round_trips(unsigned short port, std::size_t connections, std::uint64_t count, std::size_t idle) {
    Poller poller;
    const std::vector<int> still = open_all(poller, port, idle);
    const std::vector<int> busy = open_all(poller, port, connections);
    std::vector<double> latencies;
    latencies.reserve(count);
    std::uint64_t begun = 0;
    std::vector<Clock::time_point> starts(
        static_cast<std::size_t>(*std::max_element(busy.begin(), busy.end())) + 1);
    const auto ask = [&](int fd) {
        starts[static_cast<std::size_t>(fd)] = Clock::now();
        if (transmit(fd, "x", 1).bytes != 1) {
            die("a round trip could not begin");
        }
        ++begun;
    };
    for (const int fd : busy) {
        poller.replace(fd, [&, fd](std::uint32_t) {
            char byte = 0;
            const Moved got = receive(fd, &byte, 1);
            if (got.would_block) {
                return;
            }
            if (got.has_ended) {
                die("a connection was closed between round trips");
            }
            latencies.push_back(seconds_since(starts[static_cast<std::size_t>(fd)]));
            if (begun < count) {
                ask(fd);
            }
        });
    }
    const auto start = Clock::now();
    for (const int fd : busy) {
        ask(fd);
    }
    while (latencies.size() < begun) {
        poller.poll(-1);
    }
    const double seconds = seconds_since(start);
    std::printf("{\"seconds\":%.6f,\"round_trips\":%zu,\"p50_us\":%.2f,\"p99_us\":%.2f,\"most_us\":%.2f}\n",
                seconds, latencies.size(), quantile(latencies, 0.5) * 1e6, quantile(latencies, 0.99) * 1e6,
                quantile(latencies, 1) * 1e6);
    return 0;
}

int hold_idle(unsigned short port, std::size_t count) {
    Poller poller;
    const std::vector<int> opened = open_all(poller, port, count);
    std::printf("ready\n");
    std::fflush(stdout);
    bool is_over = false;
    poller.add(0, EPOLLIN, [&](std::uint32_t) { is_over = true; });
    while (!is_over) {
        poller.poll(-1);
    }
    return 0;
}

}  // namespace postern::bench
