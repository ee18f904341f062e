// What ends a tunnel that was let in: revocation, expiry, a reload, shutting down; and what does not.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <string>

#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using test::OddProfile;

class GatewayCuts : public GatewayFixture {};

TEST_F(GatewayCuts, RevocationCutsTheTunnelWithinTwoSecondsAndTellsItsOwnerWhy) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto stolen = mint("alice");
    Visitor thief(port(), client(stolen));
    const auto answer = thief.ask("CONNECT echo:7");
    ASSERT_EQ(answer.status, 200U);
    const std::string id = answer.field("Postern-Connection");
    Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    const auto open = Visitor(port(), client("alice")).ask("GET /v1/connections/" + id);
    EXPECT_EQ(open.json()["state"], "open");

    const auto began = std::chrono::steady_clock::now();
    revoke(stolen.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(thief.is_closed());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    const auto closed = wait_for("connection.closed", "revoked", id);
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    EXPECT_EQ(closed["user"]["name"], "alice");
    bob.send("still here");
    EXPECT_EQ(bob.read(10), "still here");

    EXPECT_EQ(Visitor(port(), client(stolen)).ask("CONNECT echo:7").json()["code"], "revoked");
    EXPECT_EQ(Visitor(port(), client(stolen)).ask("GET /v1/services").status, 403U);
    const auto why = Visitor(port(), client("alice")).ask("GET /v1/connections/" + id);
    EXPECT_EQ(why.json()["state"], "closed");
    EXPECT_EQ(why.json()["reason"], "revoked");
    EXPECT_FALSE(why.json()["message"].get<std::string>().empty());
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/connections/" + id).status, 404U);
}

/// The gateway's end of a connection of this process; -1 when there is none.
int other_end_of(int fd) {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
    for (int other = 3; other < 1024; ++other) {
        sockaddr_in peer{};
        size = sizeof peer;
        if (::getpeername(other, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
            peer.sin_family == AF_INET && peer.sin_port == own.sin_port) {
            return other;
        }
    }
    return -1;
}

int tcp_option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(fd, IPPROTO_TCP, name, &value, &size);
    return value;
}

TEST_F(GatewayCuts, AClientIsAskedForAQuarterOfAnHourAndOneThatAnswersMayPauseForever) {
    start(service("echo", echo_port()) + rule("echo"));
    const UniqueFd client = connect_to(port());
    ASSERT_TRUE(eventually([&] { return tcp_option(other_end_of(client.get()), TCP_KEEPIDLE) == 60; }));
    const int gateways = other_end_of(client.get());
    EXPECT_EQ(60 + tcp_option(gateways, TCP_KEEPINTVL) * tcp_option(gateways, TCP_KEEPCNT), 15 * 60);
    EXPECT_EQ(tcp_option(gateways, TCP_USER_TIMEOUT), 0);
}

TEST_F(GatewayCuts, AWarmConnectionIsJudgedWhenItAsks) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto certificate = mint("alice");
    Visitor warm(port(), client(certificate));
    ASSERT_EQ(warm.ask("GET /v1/services").status, 200U);
    revoke(certificate.certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return Visitor(port(), client(certificate)).ask("GET /v1/services").status == 403U; }));
    EXPECT_EQ(warm.ask("CONNECT echo:7").json()["code"], "user_disabled");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayCuts, AnExpiredTunnelIsCutUnlessItsSessionWasRenewed) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto of_session = [&](const std::string& name, std::chrono::hours life) {
        return client(mint(name, [&](OddProfile& profile) { profile.not_after = real_now() + life; }));
    };
    Visitor alice(port(), of_session("alice", 1h));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(), of_session("bob", 1h));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    // The agent of alice renews and shows the new certificate.
    EXPECT_EQ(Visitor(port(), of_session("alice", 3h)).ask("GET /v1/services").status, 200U);
    clock_ahead_ = 2 * 3600;
    EXPECT_TRUE(bob.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "expired")["user"]["name"], "bob");
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    clock_ahead_ = 4 * 3600;
    EXPECT_TRUE(alice.is_closed());
}

TEST_F(GatewayCuts, AReloadCutsWhatIsNoLongerAllowedAndABadFileChangesNothing) {
    const std::string both = service("echo", echo_port()) + service("other", echo_port());
    start(both + rule("echo") + rule("other"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT other:7").status, 200U);

    write_config(both + "[[rule]]\nservice = [\"other\"]\n");
    EXPECT_FALSE(server_->reload());
    EXPECT_EQ(wait_for("config.reloaded", "config_invalid")["event"]["outcome"], "failure");
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 200U);

    write_config(both + rule("other"));
    EXPECT_TRUE(server_->reload());
    EXPECT_TRUE(alice.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "policy_denied")["user"]["name"], "alice");
    bob.send("still here");
    EXPECT_EQ(bob.read(10), "still here");
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7").status, 403U);
}

TEST_F(GatewayCuts, AReloadTakesTheNewCertificateForNewConnections) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    write_server("gateway", "gateway/gw1");
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(Visitor(port(), client("bob")).ask("GET /v1/services").status, 200U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewayCuts, DrainingClosesAtOnceWhatCarriesNoTunnelAndKeepsTheTunnelsUntilTheyAreCut) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor warm(port(), client("bob"));
    ASSERT_TRUE(warm.is_greeted());
    Visitor kept_alive(port(), client("bob"));
    ASSERT_EQ(kept_alive.ask("GET /v1/services").status, 200U);
    const UniqueFd silent = connect_to(port());
    // Behind the silent one in the queue of the same listener: when it is served, that one is, too.
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(Visitor(port(), client("carol")).ask("GET /v1/services").status, 200U);
    }
    server_->stop_accepting();
    EXPECT_TRUE(warm.is_closed());
    EXPECT_TRUE(kept_alive.is_closed());
    char byte = 0;
    EXPECT_LE(::recv(silent.get(), &byte, 1, 0), 0);
    EXPECT_EQ(wait_for("connection.rejected", "shutting_down")["postern"]["stage"], "limit");
    EXPECT_EQ(count("connection.rejected"), 1U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    server_->cut_all(Code::shutting_down);
    EXPECT_TRUE(alice.is_closed());
    EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
    EXPECT_EQ(wait_for("connection.closed", "shutting_down")["postern"]["closed_by"], "gateway");
}

TEST_F(GatewayCuts, AClockThatJumpsCutsWhatHasExpiredAndSavesNothingRevoked) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto of_life = [&](const std::string& name, std::chrono::hours life) {
        return mint(name, [&](OddProfile& profile) { profile.not_after = real_now() + life; });
    };
    Visitor alice(port(), client(of_life("alice", 1h)));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    const auto bobs = of_life("bob", 12h);
    Visitor bob(port(), client(bobs));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);

    clock_ahead_ = 2 * 3600;
    EXPECT_TRUE(alice.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "expired")["user"]["name"], "alice");
    // Back before any of the certificates began: who is in stays, newcomers are told.
    clock_ahead_ = -4 * 3600;
    EXPECT_EQ(Visitor(port(), client("carol")).ask("CONNECT echo:7").json()["code"], "not_yet_valid");
    bob.send("still here");
    EXPECT_EQ(bob.read(10), "still here");
    EXPECT_EQ(count("connection.closed"), 1U);
    revoke(bobs.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(bob.is_closed());
    EXPECT_EQ(wait_for("connection.closed", "revoked")["user"]["name"], "bob");
}

TEST_F(GatewayCuts, TheRevocationOfTheCertificateThatOpenedATunnelEndsItThoughARenewedOneCarriesIt) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto of_life = [&](std::chrono::hours life) {
        return mint("alice", [&](OddProfile& profile) { profile.not_after = real_now() + life; });
    };
    const auto first = of_life(1h);
    const auto renewed = of_life(6h);
    Visitor alice(port(), client(first));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor later(port(), client(renewed));
    ASSERT_EQ(later.ask("CONNECT echo:7").status, 200U);
    Visitor bob(port(),
                client(mint("bob", [&](OddProfile& profile) { profile.not_after = real_now() + 1h; })));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    clock_ahead_ = 2 * 3600;
    // The same sweep has judged both: bob's tunnel is cut, alice's lives by the renewed certificate.
    EXPECT_TRUE(bob.is_closed());
    alice.send("still here");
    ASSERT_EQ(alice.read(10), "still here");
    revoke(first.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(alice.is_closed());
    wait_for("connection.closed", "revoked");
    // The renewed one alone is not on this list. (The CA puts all of a session there.)
    later.send("still here");
    EXPECT_EQ(later.read(10), "still here");
}

}  // namespace
}  // namespace postern::gateway
