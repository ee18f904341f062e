// What load balancers ask, over plain HTTP.
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "http/health_service.hpp"

namespace postern::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HealthPort : public testing::Test {
protected:
    void SetUp() override {
        std::signal(SIGPIPE, SIG_IGN);
        net::Listener listener = net::Listener::bind(net::parse_address("127.0.0.1:0").value()).value();
        service_ = std::make_unique<HealthService>(loops_, std::move(listener), [this](std::size_t) {
            return std::vector<HealthCheck>{{"store", ""}, {"accepting", is_draining_ ? "shutting down" : ""}};
        });
        loops_.start();
    }
    void TearDown() override {
        service_.reset();
        loops_.stop();
    }
    UniqueFd connect() const {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const timeval timeout{20, 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        const boost::asio::ip::tcp::endpoint port(boost::asio::ip::address_v4::loopback(), service_->port());
        EXPECT_EQ(::connect(fd.get(), port.data(), static_cast<socklen_t>(port.size())), 0);
        return fd;
    }
    /// All that is answered, until the connection ends.
    std::string ask(const std::string& request) const {
        const UniqueFd fd = connect();
        ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
        std::string text(16384, '\0');
        std::size_t size = 0;
        for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(std::max<ssize_t>(got, 0))) {
            got = ::recv(fd.get(), text.data() + size, text.size() - size, 0);
        }
        text.resize(size);
        return text;
    }

    std::atomic<bool> is_draining_ = false;
    net::EventLoops loops_{2};
    std::unique_ptr<HealthService> service_;
};

TEST_F(HealthPort, SaysWhetherTheProgramIsReady) {
    const std::string ready = ask("GET /readyz HTTP/1.0\r\n\r\n");
    EXPECT_THAT(ready, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ready, EndsWith(R"({"checks":{"accepting":"ok","store":"ok"},"status":"ready"})"));
    is_draining_ = true;
    const std::string draining = ask("GET /readyz?from=balancer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(draining, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(draining, EndsWith(R"({"checks":{"accepting":"shutting down","store":"ok"},"status":"not_ready"})"));
    EXPECT_THAT(ask("GET /livez HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 ")) << "it runs, all the same";
}

TEST_F(HealthPort, AnswersAHeadWithoutABodyAndNothingElse) {
    const std::string head = ask("HEAD /readyz HTTP/1.0\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(head, EndsWith("\r\n\r\n"));
    EXPECT_THAT(head, HasSubstr("Content-Length: 59"));
    EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask("POST /livez HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
    EXPECT_EQ(ask("garbage\r\n\r\n"), "");
}

TEST_F(HealthPort, AnswersAmongManySilentPeers) {
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(connect());
    }
    EXPECT_THAT(ask("GET /livez HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    char byte = 0;
    EXPECT_LE(::recv(silent.front().get(), &byte, 1, 0), 0) << "it made room";
}

}  // namespace
}  // namespace postern::http
