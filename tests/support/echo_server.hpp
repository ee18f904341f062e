// A TCP backend that sends back what it gets, for tests that need thousands of connections without a
// database.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

namespace postern::test {

class EchoServer {
public:
    EchoServer();
    ~EchoServer();
    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;

    int port() const noexcept { return port_; }
    /// Connections that are open now.
    int open() const noexcept { return open_; }
    /// Connections that were ever accepted.
    int accepted() const noexcept { return accepted_; }
    /// Bytes that ever came, over all connections.
    std::size_t heard() const noexcept { return heard_; }

private:
    void serve();

    int listener_;
    int epoll_;
    int wake_;
    int port_ = 0;
    std::atomic<int> open_ = 0;
    std::atomic<int> accepted_ = 0;
    std::atomic<std::size_t> heard_ = 0;
    std::thread thread_;
};

}  // namespace postern::test
