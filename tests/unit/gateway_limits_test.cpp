// Each bound that a stranger can reach: a clear refusal with a record, and those within it are served.
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "support/kept_log.hpp"
#include "unit/file_size_limit.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::FileSizeLimit;

class GatewayLimits : public GatewayFixture {
protected:
    /// What the audit log says of a flood: records of this reason, and how many more it counts at this stage.
    struct Flood {
        std::size_t by_themselves = 0;
        std::size_t together = 0;
    };
    Flood flood_of(const std::string& reason, const std::string& stage) const {
        Flood flood;
        flood.by_themselves = count("connection.rejected", reason);
        for (const auto& record : records()) {
            if (record["postern"].value("stage", "") == stage) {
                flood.together += record["postern"].value("more", std::size_t{0});
            }
        }
        return flood;
    }
    /// Waits until all of them are told of.
    Flood wait_for_flood(const std::string& reason, const std::string& stage, std::size_t size) const {
        Flood flood;
        EXPECT_TRUE(eventually([&] {
            flood = flood_of(reason, stage);
            return flood.by_themselves + flood.together == size;
        })) << flood.by_themselves
            << " and " << flood.together;
        return flood;
    }
    pki::KeyAndCertificate expired(const std::string& name) const {
        return mint(name, [](test::OddProfile& profile) {
            profile.not_before = real_now() - std::chrono::hours(2);
            profile.not_after = real_now() - std::chrono::hours(1);
        });
    }
};

TEST_F(GatewayLimits, KeepsEachIdentityWithinItsLimit) {
    start(service("echo", echo_port()) + rule("echo"), "connections_per_identity = 1\n");
    {
        Visitor alice(port(), client("alice"));
        ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
        const auto second = Visitor(port(), client("alice")).ask("CONNECT echo:7");
        EXPECT_EQ(second.status, 429U);
        EXPECT_EQ(wait_for("connection.rejected", "limit_reached")["postern"]["stage"], "limit");
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
    }
    EXPECT_TRUE(
        eventually([&] { return Visitor(port(), client("alice")).ask("CONNECT echo:7").status == 200U; }));
}

TEST_F(GatewayLimits, SilentPeersAreCutForNewerOnes) {
    start(service("echo", echo_port()) + rule("echo"), "pending = 8\n");
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 64; ++i) {
        silent.push_back(connect_to(port()));
    }
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(wait_for("connection.rejected", "limit_reached")["postern"]["stage"], "limit");
}

TEST_F(GatewayLimits, TellsOfAFloodOfFailedHandshakesTogetherAndOfEveryoneElseByThemselves) {
    const std::string tables = service("echo", echo_port()) + rule("echo");
    start(tables);
    write_config(tables, "failed_handshakes_recorded = 10\n");
    ASSERT_TRUE(server_->reload());
    constexpr int kGarbage = 50;
    for (int i = 0; i < kGarbage; ++i) {
        const UniqueFd stranger = connect_to(port());
        ::send(stranger.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
        char answer[16];
        while (::recv(stranger.get(), answer, sizeof answer, 0) > 0) {
        }
    }
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
    Visitor(port(), client(expired("bob"))).ask("CONNECT echo:7");
    wait_for("connection.rejected", "expired");
    const Flood flood = wait_for_flood("not_tls", "tls", kGarbage);
    EXPECT_GE(flood.by_themselves, 10U);
    EXPECT_LE(flood.by_themselves, 20U) << "what a slow machine adds";
}

/// OpenSSL looks at the purpose before it looks at a signature.
TEST_F(GatewayLimits, AForgedCertificateOfAnotherPurposeIsAStrangers) {
    const std::string tables = service("echo", echo_port()) + rule("echo");
    start(tables, "failed_handshakes_recorded = 10\n");
    test::OddProfile profile = test::login_profile("mallory", real_now());
    profile.usage = test::Usage::server_auth;
    const test::Authority foreign = test::make_authority("Foreign", real_now());
    const pki::KeyAndCertificate pretended{foreign.issuing.key, user_ca_->issuing.certificate};
    const ClientContext forged = client(test::mint(profile, pretended).value());
    constexpr int kForged = 40;
    for (int i = 0; i < kForged; ++i) {
        Visitor(port(), forged).ask("CONNECT echo:7");
    }
    Visitor(port(), client(expired("bob"))).ask("CONNECT echo:7");
    wait_for("connection.rejected", "expired");
    const Flood flood = wait_for_flood("wrong_purpose", "tls", kForged);
    EXPECT_GE(flood.by_themselves, 1U);
    EXPECT_LE(flood.by_themselves, 20U) << "what a slow machine adds";
}

/// A certificate is no secret, and a handshake that its time ends proves no key.
TEST_F(GatewayLimits, TellsOfAFloodWithAnOldCertificateTogetherAndOfStrangersByThemselves) {
    const std::string tables = service("echo", echo_port()) + rule("echo");
    start(tables, "failed_handshakes_recorded = 10\n");
    const ClientContext old = client(expired("bob"));
    constexpr int kOld = 40;
    for (int i = 0; i < kOld; ++i) {
        Visitor(port(), old).ask("CONNECT echo:7");
    }
    const Flood flood = wait_for_flood("expired", "certificate", kOld);
    EXPECT_GE(flood.by_themselves, 10U);
    EXPECT_LE(flood.by_themselves, 20U) << "what a slow machine adds";
    {
        const UniqueFd stranger = connect_to(port());
        ::send(stranger.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
        wait_for("connection.rejected", "not_tls");
    }
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayLimits, RefusesEverybodyWhileTheAuditLogCannotBeWrittenAndCatchesUpAfter) {
    start(service("echo", echo_port()) + rule("echo"));
    std::string id;
    {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT echo:7");
        ASSERT_EQ(answer.status, 200U);
        id = answer.field("Postern-Connection");
        // No file of this process may grow: a full disk.
        const FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        const auto refused = Visitor(port(), client("bob")).ask("CONNECT echo:7");
        EXPECT_EQ(refused.status, 503U);
        EXPECT_EQ(refused.json()["code"], "audit_unavailable");
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT nowhere:7").json()["code"],
                  "audit_unavailable");
        alice.shut_down();
        EXPECT_TRUE(alice.is_closed());
        EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
        EXPECT_EQ(count("connection.closed", {}, id), 0U);
    }
    EXPECT_EQ(wait_for("connection.closed", {}, id)["postern"]["closed_by"], "client");
    EXPECT_EQ(count("connection.closed", {}, id), 1U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayLimits, WritesAtItsStopWhatTheAuditLogDidNotTakeWhenItWasDue) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    const auto answer = alice.ask("CONNECT echo:7");
    ASSERT_EQ(answer.status, 200U);
    {
        const FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        alice.shut_down();
        EXPECT_TRUE(alice.is_closed());
        EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
    }
    server_->close();
    EXPECT_EQ(count("connection.closed", {}, answer.field("Postern-Connection")), 1U);
}

TEST_F(GatewayLimits, RulesThatCannotBeRecordedDoNotComeIntoForce) {
    const std::string echo = service("echo", echo_port());
    start(echo + rule("echo"));
    write_config(echo);
    {
        const FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        const auto refused = server_->reload();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::audit_unavailable);
    }
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(count("config.reloaded"), 1U);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 403U);
}

TEST_F(GatewayLimits, PeersThatAreNoTlsClientsLeaveOneRecordEach) {
    start(service("echo", echo_port()) + rule("echo"), "handshake_timeout = \"1s\"\n");
    {
        const UniqueFd browser = connect_to(port());
        ::send(browser.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
        wait_for("connection.rejected", "not_tls");
    }
    {
        const UniqueFd gone = connect_to(port());
        ::send(gone.get(), "\x16\x03", 2, MSG_NOSIGNAL);
    }
    EXPECT_EQ(wait_for("connection.rejected", "end_of_stream")["postern"]["stage"], "tls");
    const UniqueFd slow = connect_to(port());
    ::send(slow.get(), "\x16\x03", 2, MSG_NOSIGNAL);
    EXPECT_EQ(wait_for("connection.rejected", "timed_out")["postern"]["stage"], "tls");
    char byte = 0;
    EXPECT_LE(::recv(slow.get(), &byte, 1, 0), 0);
    EXPECT_EQ(count("connection.rejected"), 3U);
}

/// As load balancers and monitors look whether the port is open.
TEST_F(GatewayLimits, ProbesThatSayNothingAreCountedAndLeaveNeitherARecordNorALine) {
    const test::KeptLog log;
    start(service("echo", echo_port()) + rule("echo"), "handshake_timeout = \"200ms\"\n");
    { const UniqueFd closes_at_once = connect_to(port()); }
    const UniqueFd says_nothing = connect_to(port());
    char byte = 0;
    EXPECT_LE(::recv(says_nothing.get(), &byte, 1, 0), 0);
    EXPECT_TRUE(eventually([&] { return server_->silent_peers() == 2U; })) << server_->silent_peers();
    EXPECT_EQ(count("connection.rejected"), 0U);
    server_.reset();
    // Whom the fixture waits with until there is a CRL has shown a certificate, and is told of without a stage.
    EXPECT_THAT(log.told(), testing::Not(testing::HasSubstr(" stage=")));
}

TEST_F(GatewayLimits, KeepsToSoManyTunnelsInAll) {
    start(service("echo", echo_port()) + rule("echo"), "connections = 2\n");
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    {
        Visitor bob(port(), client("bob"));
        ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
        const auto third = Visitor(port(), client("carol")).ask("CONNECT echo:7");
        EXPECT_EQ(third.status, 429U);
        EXPECT_EQ(third.json()["code"], "limit_reached");
        const auto record = wait_for("connection.rejected", "limit_reached");
        EXPECT_EQ(record["user"]["name"], "carol");
        EXPECT_EQ(record["postern"]["stage"], "limit");
        EXPECT_EQ(record["postern"]["connection"]["id"], third.json()["connection_id"]);
        // Questions are no tunnels.
        EXPECT_EQ(Visitor(port(), client("carol")).ask("GET /v1/services").status, 200U);
    }
    EXPECT_TRUE(
        eventually([&] { return Visitor(port(), client("carol")).ask("CONNECT echo:7").status == 200U; }));
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewayLimits, KeepsEachAddressWithinItsLimit) {
    start(service("echo", echo_port()) + rule("echo"), "connections_per_address = 1\n");
    {
        Visitor alice(port(), client("alice"));
        ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
        EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 429U);
        const auto record = wait_for("connection.rejected", "limit_reached");
        EXPECT_EQ(record["user"]["name"], "bob");
        EXPECT_EQ(record["source"]["ip"], "127.0.0.1");
        EXPECT_EQ(Visitor(port(), client("bob"), "127.0.0.2").ask("CONNECT echo:7").status, 200U);
    }
    EXPECT_TRUE(
        eventually([&] { return Visitor(port(), client("bob")).ask("CONNECT echo:7").status == 200U; }));
}

TEST_F(GatewayLimits, ALowerBoundAfterAReloadCutsNobody) {
    const std::string tables = service("echo", echo_port()) + rule("echo");
    start(tables, "connections = 2\n");
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    write_config(tables, "connections = 1\n");
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(Visitor(port(), client("carol")).ask("CONNECT echo:7").status, 429U);
    for (Visitor* visitor : {&alice, &bob}) {
        visitor->send("still here");
        EXPECT_EQ(visitor->read(10), "still here");
    }
}

TEST_F(GatewayLimits, ARequestHeadMayBeSoLongAndNoLonger) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto field = [](std::size_t bytes) { return "X-Long: " + std::string(bytes, 'x') + "\r\n"; };
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7", field(7 * 1024)).status, 200U);
    const auto refused = Visitor(port(), client("alice")).ask("CONNECT echo:7", field(9 * 1024));
    EXPECT_EQ(refused.status, 413U);
    EXPECT_EQ(refused.json()["code"], "request_too_large");
    const auto record = wait_for("connection.rejected", "request_too_large");
    EXPECT_EQ(record["postern"]["stage"], "request");
    EXPECT_EQ(record["user"]["name"], "alice");
    // A body, and many small fields instead of a long one.
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/services", "Content-Length: 5\r\n", "hello").status,
              413U);
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += "A: bcdefgh\r\n";
    }
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/services", many).status, 413U);
    EXPECT_EQ(count("connection.rejected", "request_too_large"), 3U);
}

TEST_F(GatewayLimits, ARequestThatDoesNotComeIsGivenUpAndOneInPiecesIsServed) {
    start(service("echo", echo_port()) + rule("echo"), "request_timeout = \"1s\"\n");
    Visitor slow(port(), client("alice"));
    slow.send("CONNECT echo:7 HT");
    const auto answer = slow.answer();
    EXPECT_EQ(answer.status, 408U);
    EXPECT_EQ(answer.json()["code"], "timed_out");
    EXPECT_EQ(wait_for("connection.rejected", "timed_out")["postern"]["stage"], "request");
    Visitor in_pieces(port(), client("alice"));
    for (const char* piece : {"CONNECT echo:7 HT", "TP/1.1\r\nHost: ga", "teway\r\n\r", "\n"}) {
        in_pieces.send(piece);
    }
    EXPECT_EQ(in_pieces.answer().status, 200U);
}

}  // namespace
}  // namespace postern::gateway
