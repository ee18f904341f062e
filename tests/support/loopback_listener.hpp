// A port of the loopback on which a test's own server accepts.
#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"

namespace postern::test {

/// Listens on any free port of 127.0.0.1.
class LoopbackListener {
public:
    LoopbackListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), 0);
        EXPECT_EQ(::bind(fd_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        EXPECT_EQ(::listen(fd_.get(), 16), 0);
        auto length = static_cast<socklen_t>(endpoint.capacity());
        ::getsockname(fd_.get(), endpoint.data(), &length);
        port_ = endpoint.port();
    }

    unsigned short port() const { return port_; }
    /// Waits for the next connection; returns none after end().
    UniqueFd accept() const { return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
    /// Ends accept(). It may be called on any thread.
    void end() const { ::shutdown(fd_.get(), SHUT_RDWR); }

private:
    UniqueFd fd_;
    unsigned short port_ = 0;
};

}  // namespace postern::test
