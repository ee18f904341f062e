// What the CA service tells load balancers of itself.
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "unit/ca_service_fixture.hpp"
#include "unit/file_size_limit.hpp"

namespace postern::ca {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CaHealth : public CaService {
protected:
    void SetUp() override {
        CaService::SetUp();
        Config with_health = config();
        with_health.health_listen = net::parse_address("127.0.0.1:0").value();
        start(with_health, clock_);
    }
    std::string ask(const std::string& path) const {
        const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const timeval timeout{20, 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        const boost::asio::ip::tcp::endpoint port(boost::asio::ip::address_v4::loopback(),
                                                  service_->health_port());
        EXPECT_EQ(::connect(fd.get(), port.data(), static_cast<socklen_t>(port.size())), 0);
        const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
        ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
        std::string text;
        char block[1024];
        for (ssize_t got = 0; (got = ::recv(fd.get(), block, sizeof block, 0)) > 0;) {
            text.append(block, static_cast<std::size_t>(got));
        }
        return text;
    }
    bool is_soon_ready() const {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        bool is_ready = false;
        while (!is_ready && std::chrono::steady_clock::now() < end) {
            is_ready = ask("/readyz").starts_with("HTTP/1.1 200 ");
            std::this_thread::yield();
        }
        return is_ready;
    }

    test::ManualClock clock_{now_};
};

TEST_F(CaHealth, IsReadyWithItsStoreItsListAndItsLog) {
    const std::string answer = ask("/readyz");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    for (const char* check : {"store", "revocation_list", "audit_log", "accepting"}) {
        EXPECT_THAT(answer, HasSubstr(std::string("\"") + check + "\":\"ok\""));
    }
    EXPECT_THAT(ask("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(CaHealth, IsNotReadyWhileItCannotRecordAndIsAgainWithoutBeingAskedForAnything) {
    {
        const postern::test::FileSizeLimit full(1);
        EXPECT_NE(login("alice", "correct horse").status, 200U);
        const std::string answer = ask("/readyz");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(answer, HasSubstr("the audit log cannot be written"));
    }
    EXPECT_TRUE(is_soon_ready());
}

TEST_F(CaHealth, TellsBalancersToTurnToOthersWhenItDrains) {
    EXPECT_TRUE(service_->drain());
    EXPECT_THAT(ask("/readyz"), HasSubstr("the service is shutting down"));
    EXPECT_THAT(ask("/livez"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace postern::ca
