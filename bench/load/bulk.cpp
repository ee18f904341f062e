#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "roles.hpp"
#include "sockets.hpp"

namespace postern::bench {

namespace {

class Bulk {
public:
    Bulk(bool is_upload, std::uint64_t share)
        : is_upload_(is_upload), share_(share), block_(new char[kBlock]()) {}

    void open(unsigned short port) {
        const int fd = begin_connect(port);
        auto flow = std::make_shared<Flow>();
        flow->head = order(is_upload_ ? kUpload : kDownload, share_);
        flow->left = share_;
        ++open_;
        poller_.add(fd, EPOLLOUT, [this, fd, flow](std::uint32_t) { step(fd, *flow); });
    }

    void run() {
        while (open_ > 0) {
            poller_.poll(-1);
        }
    }

private:
    struct Flow {
        std::string head;
        std::uint64_t left = 0;
    };

    void step(int fd, Flow& flow) {
        if (!flow.head.empty()) {
            const Moved sent = transmit(fd, flow.head.data(), flow.head.size());
            if (sent.has_ended) {
                die("a bulk connection was closed");
            }
            flow.head.erase(0, sent.bytes);
            if (flow.head.empty() && !is_upload_) {
                poller_.change(fd, EPOLLIN);
            }
            return;
        }
        if (is_upload_ && flow.left > 0) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(flow.left, kBlock));
            const Moved sent = transmit(fd, block_.get(), size);
            if (sent.has_ended) {
                die("a bulk connection was closed");
            }
            flow.left -= sent.bytes;
            // The backend sends a byte once it has received everything.
            if (flow.left == 0) {
                poller_.change(fd, EPOLLIN);
            }
            return;
        }
        const Moved got = receive(fd, block_.get(), kBlock);
        if (got.would_block) {
            return;
        }
        errno = 0;
        if (got.has_ended) {
            die("a bulk connection was closed");
        }
        if (!is_upload_) {
            flow.left -= std::min<std::uint64_t>(flow.left, got.bytes);
        }
        if (flow.left == 0) {
            poller_.remove(fd);
            --open_;
        }
    }

    Poller poller_;
    bool is_upload_;
    std::uint64_t share_;
    std::unique_ptr<char[]> block_;
    std::size_t open_ = 0;
};

}  // namespace

int measure_bulk(unsigned short port, std::size_t connections, std::uint64_t bytes, bool is_upload) {
    const std::uint64_t share = bytes / connections;
    Bulk bulk(is_upload, share);
    const auto start = Clock::now();
    for (std::size_t i = 0; i < connections; ++i) {
        bulk.open(port);
    }
    bulk.run();
    std::printf("{\"seconds\":%.6f,\"bytes\":%llu}\n", seconds_since(start),
                static_cast<unsigned long long>(share * connections));
    return 0;
}

}  // namespace postern::bench
