#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "roles.hpp"
#include "sockets.hpp"

namespace postern::bench {

namespace {

std::string big_endian(std::size_t number) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        text += static_cast<char>((number >> shift) & 0xff);
    }
    return text;
}

void send_all(int fd, const std::string& bytes) {
    pollfd ready{fd, POLLOUT, 0};
    ::poll(&ready, 1, -1);
    if (transmit(fd, bytes.data(), bytes.size()).bytes != bytes.size()) {
        die("the server took no query");
    }
}

/// Reads messages until a complete one of this type has come. An ErrorResponse ends the program.
void await_message(int fd, char type, std::string& pending) {
    for (;;) {
        while (pending.size() >= 5) {
            std::size_t length = 0;
            for (std::size_t i = 1; i < 5; ++i) {
                length = length << 8 | static_cast<unsigned char>(pending[i]);
            }
            if (pending.size() < length + 1) {
                break;
            }
            const char found = pending[0];
            if (found == 'E') {
                die("the server said: " + pending.substr(5, length));
            }
            pending.erase(0, length + 1);
            if (found == type) {
                return;
            }
        }
        pollfd ready{fd, POLLIN, 0};
        ::poll(&ready, 1, -1);
        char block[4096];
        const Moved got = receive(fd, block, sizeof block);
        if (got.has_ended) {
            die("the server closed the connection");
        }
        pending.append(block, got.bytes);
    }
}

/// Connects once, and returns the seconds until the first row.
double first_row(unsigned short port, const std::string& startup, const std::string& query) {
    const auto start = Clock::now();
    const int fd = begin_connect(port);
    std::string pending;
    send_all(fd, startup);
    await_message(fd, 'Z', pending);
    send_all(fd, query);
    await_message(fd, 'D', pending);
    const double seconds = seconds_since(start);
    ::close(fd);
    return seconds;
}

}  // namespace

int measure_first_rows(unsigned short port, std::size_t count, const char* user, const char* database) {
    std::string words = big_endian(3 << 16);
    for (const char* word : {"user", user, "database", database}) {
        words += std::string(word) + '\0';
    }
    words += '\0';
    const std::string startup = big_endian(words.size() + 4) + words;
    const std::string text = std::string("select 1") + '\0';
    const std::string query = 'Q' + big_endian(text.size() + 4) + text;
    std::vector<double> latencies;
    for (std::size_t i = 0; i < count; ++i) {
        latencies.push_back(first_row(port, startup, query));
        // A proxy that keeps warm connections gets time to replace one, as it has between two connections of
        // a person.
        ::usleep(300'000);
    }
    std::printf("{\"connections\":%zu,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", latencies.size(),
                quantile(latencies, 0.5) * 1e3, quantile(latencies, 0.99) * 1e3);
    return 0;
}

}  // namespace postern::bench
