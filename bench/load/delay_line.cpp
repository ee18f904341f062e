#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "roles.hpp"
#include "sockets.hpp"

namespace postern::bench {

namespace {

/// One direction of a connection: the bytes that were read, and when they may be delivered.
struct Way {
    int from = -1;
    int to = -1;
    struct Parcel {
        Clock::time_point due;
        /// Empty at the end of the stream.
        std::string bytes;
    };
    std::deque<Parcel> parcels;
    bool has_ended = false;
};

/// One connection through the line.
struct Line {
    Way there;
    Way back;
    /// When the TCP handshake with the client would have been complete on a real line.
    Clock::time_point established;
    bool is_gone = false;
};

class DelayLine {
public:
    DelayLine(unsigned short listen_port, unsigned short to_port, unsigned one_way_milliseconds)
        : listening_(listen_on(listen_port)), to_port_(to_port), delay_(one_way_milliseconds) {
        poller_.add(listening_, EPOLLIN, [this](std::uint32_t) { accept_all(); });
        poller_.add(STDIN_FILENO, EPOLLIN, [this](std::uint32_t) { is_over_ = true; });
    }

    void run() {
        std::printf("%u\n", port_of(listening_));
        std::fflush(stdout);
        while (!is_over_) {
            wait();
            for (const auto& line : lines_) {
                deliver(*line, line->there);
                deliver(*line, line->back);
            }
            std::erase_if(lines_, [](const auto& line) { return line->is_gone; });
        }
    }

private:
    /// Waits until bytes come or are due. A socket that takes no more is tried again after a millisecond.
    void wait() {
        const auto never = Clock::time_point::max();
        auto next = never;
        for (const auto& line : lines_) {
            for (const Way* way : {&line->there, &line->back}) {
                if (!way->parcels.empty()) {
                    next = std::min(next, way->parcels.front().due);
                }
            }
        }
        if (next == never) {
            return poller_.poll(-1);
        }
        const auto now = Clock::now();
        poller_.poll_until(next > now ? next : now + std::chrono::milliseconds(1));
    }

    void accept_all() {
        for (int fd = accept_from(listening_); fd >= 0; fd = accept_from(listening_)) {
            auto line = std::make_shared<Line>();
            const int onward = begin_connect(to_port_);
            line->there.from = line->back.to = fd;
            line->there.to = line->back.from = onward;
            line->established = Clock::now() + 2 * delay_;
            lines_.push_back(line);
            poller_.add(fd, EPOLLIN, [this, line](std::uint32_t) { take(*line, line->there); });
            poller_.add(onward, EPOLLIN, [this, line](std::uint32_t) { take(*line, line->back); });
        }
    }

    void take(Line& line, Way& way) {
        if (line.is_gone || way.has_ended) {
            return;
        }
        std::string bytes(65536, '\0');
        const Moved got = receive(way.from, bytes.data(), bytes.size());
        if (got.would_block) {
            return;
        }
        bytes.resize(got.bytes);
        way.has_ended = got.has_ended;
        if (got.has_ended) {
            poller_.change(way.from, 0);
        }
        const auto sent = std::max(Clock::now(), line.established);
        way.parcels.push_back({sent + delay_, std::move(bytes)});
    }

    void deliver(Line& line, Way& way) {
        const auto now = Clock::now();
        while (!line.is_gone && !way.parcels.empty() && way.parcels.front().due <= now) {
            std::string& bytes = way.parcels.front().bytes;
            if (bytes.empty()) {
                ::shutdown(way.to, SHUT_WR);
                way.parcels.pop_front();
                if (line.there.has_ended && line.back.has_ended && line.there.parcels.empty() &&
                    line.back.parcels.empty()) {
                    close(line);
                }
                return;
            }
            const Moved sent = transmit(way.to, bytes.data(), bytes.size());
            if (sent.has_ended) {
                return close(line);
            }
            bytes.erase(0, sent.bytes);
            if (!bytes.empty()) {
                return;
            }
            way.parcels.pop_front();
        }
    }

    void close(Line& line) {
        line.is_gone = true;
        poller_.remove(line.there.from);
        poller_.remove(line.there.to);
    }

    Poller poller_;
    int listening_;
    unsigned short to_port_;
    std::chrono::milliseconds delay_;
    std::vector<std::shared_ptr<Line>> lines_;
    bool is_over_ = false;
};

}  // namespace

int delay_line(unsigned short listen_port, unsigned short to_port, unsigned one_way_milliseconds) {
    DelayLine line(listen_port, to_port, one_way_milliseconds);
    line.run();
    return 0;
}

}  // namespace postern::bench
