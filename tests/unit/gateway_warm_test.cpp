// Warm connections: a handshake is done and nothing has been asked yet. Who has proven who they are may wait
// long, within bounds, and is judged when they ask; everybody else goes as before.
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::OddProfile;

std::size_t open_files() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

class GatewayWarm : public GatewayFixture {
protected:
    /// A connection whose first byte has come is given up after request_timeout: the clock of these tests.
    void wait_for_request_timeout() {
        Visitor slow(port(), client("slow"));
        slow.send("CONNECT echo:7 HT");
        EXPECT_EQ(slow.answer().status, 408U);
    }
    std::vector<std::unique_ptr<Visitor>> several(std::size_t number, const ClientContext& who) {
        std::vector<std::unique_ptr<Visitor>> visitors;
        for (std::size_t i = 0; i < number; ++i) {
            visitors.push_back(std::make_unique<Visitor>(port(), who));
            EXPECT_TRUE(visitors.back()->is_greeted());
        }
        return visitors;
    }
    const std::string tables_ = service("echo", echo_port()) + rule("echo");
};

TEST_F(GatewayWarm, AProvenIdentityMayWaitLongerThanAStrangerForItsFirstWord) {
    start(tables_, "request_timeout = \"500ms\"\n");
    Visitor warm(port(), client("alice"));
    for (int i = 0; i < 3; ++i) {
        wait_for_request_timeout();
    }
    EXPECT_EQ(warm.ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(count("connection.rejected", "timed_out"), 3U);
}

TEST_F(GatewayWarm, OneThatNobodyNeededEndsWithoutARecord) {
    start(tables_, "request_timeout = \"300ms\"\nwarm_timeout = \"500ms\"\n");
    Visitor warm(port(), client("alice"));
    ASSERT_TRUE(warm.is_greeted());
    EXPECT_TRUE(warm.is_closed());
    EXPECT_EQ(count("connection.rejected"), 0U);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayWarm, OneThatEndsIsToldThatNothingWasDoneWithWhatItMayHaveAsked) {
    start(tables_, "request_timeout = \"300ms\"\nwarm_timeout = \"500ms\"\n");
    Visitor idle(port(), client("alice"));
    EXPECT_TRUE(idle.is_closed());
    EXPECT_TRUE(idle.was_told_of_end());
}

TEST_F(GatewayWarm, OneThatTheShutdownEndsIsToldThatToo) {
    start(tables_);
    Visitor warm(port(), client("alice"));
    // The gateway has its certificate, and has it among the warm.
    ASSERT_EQ(warm.ask("GET /v1/services").status, 200U);
    server_->stop_accepting();
    EXPECT_TRUE(warm.is_closed());
    EXPECT_TRUE(warm.was_told_of_end());
}

TEST_F(GatewayWarm, BeyondItsPlacesAnIdentityWaitsNoLongerThanAStranger) {
    start(tables_, "request_timeout = \"1s\"\nwarm_per_identity = 2\n");
    const auto alice = client("alice");
    auto within = several(2, alice);
    auto beyond = several(3, alice);
    Visitor bob(port(), client("bob"));
    int rejected = 0;
    for (auto& one : beyond) {
        rejected += one->answer().status == 408U ? 1 : 0;
    }
    EXPECT_EQ(rejected, 3);
    EXPECT_EQ(wait_for("connection.rejected", "timed_out")["user"]["name"], "alice");
    EXPECT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    // A tunnel has left its place to the next.
    EXPECT_EQ(within[0]->ask("CONNECT echo:7").status, 200U);
    auto next = several(1, alice);
    wait_for_request_timeout();
    EXPECT_EQ(next[0]->ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(within[1]->ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayWarm, AllTogetherHaveSoManyPlaces) {
    start(tables_, "request_timeout = \"1s\"\nwarm = 2\n");
    auto first = several(2, client("alice"));
    Visitor bob(port(), client("bob"));
    EXPECT_EQ(bob.answer().status, 408U);
    EXPECT_EQ(first[1]->ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayWarm, ARevokedIdentityGetsNoPlace) {
    start(tables_, "request_timeout = \"1s\"\n");
    const auto stolen = mint("alice");
    revoke(stolen.certificate, pki::RevocationReason::key_compromise);
    ASSERT_TRUE(
        eventually([&] { return Visitor(port(), client(stolen)).ask("CONNECT echo:7").status == 403U; }));
    Visitor thief(port(), client(stolen));
    ASSERT_TRUE(thief.is_greeted());
    EXPECT_EQ(thief.answer().status, 408U);
}

TEST_F(GatewayWarm, OneOfAUserWhoWasDisabledMeanwhileIsRefusedWithARecordWhenItAsks) {
    start(tables_);
    const auto certificate = mint("alice");
    Visitor warm(port(), client(certificate));
    ASSERT_TRUE(warm.is_greeted());
    revoke(certificate.certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return Visitor(port(), client(certificate)).ask("GET /v1/services").status == 403U; }));
    const auto answer = warm.ask("CONNECT echo:7");
    EXPECT_EQ(answer.json()["code"], "user_disabled");
    const std::string id = answer.json()["connection_id"];
    EXPECT_EQ(wait_for("connection.rejected", "user_disabled", id)["user"]["name"], "alice");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayWarm, ItEndsWithTheCertificate) {
    start(tables_, "request_timeout = \"300ms\"\n");
    Visitor warm(port(),
                 client(mint("alice", [](OddProfile& profile) { profile.not_after = real_now() + 3s; })));
    ASSERT_TRUE(warm.is_greeted());
    EXPECT_TRUE(warm.is_closed());
    EXPECT_EQ(count("connection.rejected"), 0U);
}

TEST_F(GatewayWarm, TheyAreNoTunnelsAndPushNoStrangerOut) {
    start(tables_, "connections = 1\nconnections_per_identity = 1\npending = 8\n");
    auto warm = several(32, client("alice"));
    EXPECT_EQ(server_->tunnels(), 0U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
    EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
    EXPECT_EQ(warm.front()->ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(warm.back()->ask("CONNECT echo:7").status, 429U);
    EXPECT_EQ(count("connection.rejected", "limit_reached"), 1U);
}

TEST_F(GatewayWarm, GiveTheirFilesBack) {
    start(tables_);
    const std::size_t before = open_files();
    for (int round = 0; round < 3; ++round) {
        const auto warm = several(40, client("alice"));
        EXPECT_GT(open_files(), before + 40);
    }
    EXPECT_TRUE(eventually([&] { return open_files() <= before; })) << open_files() << " of " << before;
}

}  // namespace
}  // namespace postern::gateway
