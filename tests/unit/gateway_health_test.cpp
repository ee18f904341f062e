// What the gateway tells load balancers of itself.
#include <sys/socket.h>

#include <chrono>
#include <string>

#include <gmock/gmock.h>

#include "unit/file_size_limit.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class GatewayHealth : public GatewayFixture {
protected:
    void SetUp() override {
        GatewayFixture::SetUp();
        start(service("echo", echo_port()) + rule("echo") + "[health]\nlisten = \"127.0.0.1:0\"\n");
    }
    std::string ask(const std::string& path) const {
        const UniqueFd fd = connect_to(server_->health_port());
        const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
        ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
        std::string text;
        char block[1024];
        for (ssize_t got = 0; (got = ::recv(fd.get(), block, sizeof block, 0)) > 0;) {
            text.append(block, static_cast<std::size_t>(got));
        }
        return text;
    }
    bool is_ready() const { return ask("/readyz").starts_with("HTTP/1.1 200 "); }
};

TEST_F(GatewayHealth, IsReadyAsLongAsItsRevocationListCounts) {
    EXPECT_THAT(ask("/readyz"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask("/livez"), StartsWith("HTTP/1.1 200 "));
    clock_ahead_ = 100L * 24 * 3600;
    const std::string answer = ask("/readyz");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(answer, HasSubstr("there is no revocation list, or it is out of date"));
    EXPECT_THAT(ask("/livez"), StartsWith("HTTP/1.1 200 ")) << "to start it anew would not help";
    clock_ahead_ = 0;
    EXPECT_TRUE(is_ready());
}

TEST_F(GatewayHealth, IsNotReadyWhileItCannotRecordAndIsAgainWithoutBeingAskedForAnything) {
    {
        const test::FileSizeLimit full(1);
        const auto refused = server_->reload();
        ASSERT_FALSE(refused);
        const std::string answer = ask("/readyz");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(answer, HasSubstr("the audit log cannot be written"));
    }
    EXPECT_TRUE(eventually([&] { return is_ready(); }));
}

TEST_F(GatewayHealth, TellsBalancersToTurnToOthersAsSoonAsItDrains) {
    server_->stop_accepting();
    EXPECT_TRUE(eventually([&] { return !is_ready(); }));
    EXPECT_THAT(ask("/readyz"), HasSubstr("the gateway is shutting down"));
    EXPECT_THAT(ask("/livez"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace postern::gateway
