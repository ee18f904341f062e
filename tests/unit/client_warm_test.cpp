// The agent's warm connections before a real gateway, with a line between them that can be cut.
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include "unit/client_warm_fixture.hpp"

namespace postern::client {
namespace {

TEST_F(WarmConnections, StandReadyOnceAPortIsOpenAndAreReplacedAsTheyAreTaken) {
    run();
    EXPECT_TRUE(has_ready(2));
    EXPECT_EQ(line_->accepted(), 2);
    EXPECT_EQ(echo_.accepted(), 0) << "nothing is dialled for them";
    EXPECT_TRUE(echoes());
    EXPECT_TRUE(has_ready(2));
    EXPECT_EQ(line_->accepted(), 3) << "the connection had one of them, and one took its place";
}

TEST_F(WarmConnections, AreNotKeptWhereNoneAreWanted) {
    run(WarmOptions{0, 16, 5min, 4min});
    EXPECT_TRUE(echoes());
    EXPECT_TRUE(echoes());
    EXPECT_EQ(agent_->warm_connections(), 0U);
    EXPECT_EQ(line_->accepted(), 2);
}

TEST_F(WarmConnections, AreMoreAfterABurstThatTookAllOfThem) {
    run(WarmOptions{2, 8, 5min, 4min});
    ASSERT_TRUE(has_ready(2));
    {
        std::vector<UniqueFd> burst;
        for (int i = 0; i < 12; ++i) {
            burst.push_back(connect_to(port_->number));
        }
        for (const auto& one : burst) {
            EXPECT_EQ(say(one), "x");
        }
    }
    EXPECT_TRUE(has_ready(8));
}

TEST_F(WarmConnections, GoWithThePortThatTheyWereFor) {
    run();
    ASSERT_TRUE(has_ready(2));
    agent_->close(*port_, Refusal());
    EXPECT_TRUE(has_ready(0));
    EXPECT_TRUE(eventually([&] { return line_->open() == 0; }));
}

TEST_F(WarmConnections, GoWhenTheServiceRestsAndTheNextConnectionWorks) {
    run(WarmOptions{2, 16, 1s, 4min});
    ASSERT_TRUE(has_ready(2));
    EXPECT_TRUE(has_ready(0));
    EXPECT_TRUE(echoes());
    EXPECT_TRUE(has_ready(2));
}

TEST_F(WarmConnections, ThatTheGatewayClosedAreNotNoticed) {
    run({}, "warm_timeout = \"100ms\"\nrequest_timeout = \"100ms\"\n");
    ASSERT_TRUE(has_ready(2));
    ASSERT_TRUE(eventually([&] { return line_->open() == 0; }));
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(echoes());
    }
}

TEST_F(WarmConnections, ThatDieAsTheyAreAskedAreNotNoticed) {
    run();
    ASSERT_TRUE(has_ready(2));
    const auto postgres = open(true);
    line_->close_at_next_word();
    const UniqueFd local = connect_to(postgres->number);
    const std::string request("\0\0\0\x08\x04\xd2\x16\x2f", 8);
    ASSERT_EQ(::send(local.get(), request.data(), request.size(), MSG_NOSIGNAL), 8);
    std::string heard(8, '\0');
    EXPECT_EQ(::recv(local.get(), heard.data(), heard.size(), MSG_WAITALL), 8);
    EXPECT_EQ(heard, request);
    EXPECT_EQ(echo_.accepted(), 1);
    EXPECT_GE(line_->accepted(), 3) << "a fresh one in place of the dead one";
}

TEST_F(WarmConnections, AreJudgedWhenTheyAreUsed) {
    run();
    ASSERT_TRUE(has_ready(2));
    revoke(alice_->certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return gateway::Visitor(port(), client(*alice_)).ask("GET /v1/services").status == 403U; }));
    EXPECT_FALSE(echoes());
    EXPECT_TRUE(eventually([&] { return heard_.refusals(Code::user_disabled) == 1; }));
    EXPECT_EQ(wait_for("connection.rejected", "user_disabled")["user"]["name"], "alice");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(WarmConnections, AreThoseOfTheNewestLoginAndNoneAfterALogout) {
    run();
    ASSERT_TRUE(has_ready(2));
    const auto renewed =
        mint("alice", [](test::OddProfile& profile) { profile.not_after = real_now() + 3h; });
    logins_->change(login(renewed, {{"gw1", at(line_->port())}}));
    EXPECT_TRUE(eventually([&] { return line_->accepted() == 4 && line_->open() == 2; }));
    EXPECT_TRUE(has_ready(2));
    // Only the new certificate counts now.
    revoke(alice_->certificate, pki::RevocationReason::superseded);
    ASSERT_TRUE(eventually(
        [&] { return gateway::Visitor(port(), client(*alice_)).ask("GET /v1/services").status == 403U; }));
    EXPECT_TRUE(echoes());
    logins_->change(nullptr);
    EXPECT_TRUE(has_ready(0));
    EXPECT_FALSE(echoes());
}

TEST_F(WarmConnections, AreNewOnesOnAnotherNetwork) {
    run();
    ASSERT_TRUE(has_ready(2));
    agent_->network_changed();
    EXPECT_TRUE(eventually([&] { return line_->accepted() == 4 && line_->open() == 2; }));
    EXPECT_TRUE(has_ready(2));
    EXPECT_TRUE(echoes());
}

TEST_F(WarmConnections, AreNewOnesAfterTheMachineHasSlept) {
    run(WarmOptions{0, 16, 5min, 4min});
    net::EventLoops loops(1);
    std::atomic<int> opened = 0;
    std::atomic<std::int64_t> asleep_s = 0;
    const WarmPool::Open open = [&](GatewayEntry gateway, LoginPtr login) {
        ++opened;
        return GatewayConnection::open(std::move(gateway), std::move(login), 10s);
    };
    WarmPool pool(loops.at(0), WarmOptions{}, open, [&] { return std::chrono::seconds(asleep_s); });
    const auto port = std::make_shared<LocalPort>("echo", Mode::passthrough, false, logins_);
    port->warm = 2;
    const LoginPtr login = logins_->latest();
    boost::asio::post(loops.at(0), [&] { pool.expect(port, login->catalogue().gateways.front(), login); });
    loops.start();
    ASSERT_TRUE(eventually([&] { return opened == 2; }));
    asleep_s = 600;
    EXPECT_TRUE(eventually([&] { return opened == 4; }, 3s));
    loops.stop();
}

TEST_F(WarmConnections, OfAGatewayThatTurnsThemAwayAreNotOpenedAgainAndAgain) {
    run();
    ASSERT_TRUE(has_ready(2));
    write_config(service("echo", echo_port()) + rule("echo"),
                 "warm_timeout = \"100ms\"\nrequest_timeout = \"100ms\"\n");
    ASSERT_TRUE(server_->reload());
    const int before = line_->accepted();
    const auto began = std::chrono::steady_clock::now();
    agent_->network_changed();
    ASSERT_TRUE(eventually([&] { return line_->accepted() >= before + 4; }, 60s));
    EXPECT_GT(std::chrono::steady_clock::now() - began, 1s);
}

// As a program leaves that has not read all there was. PostgreSQL's has said where its session ends; of
// another one nobody knows whether it had said all.
TEST_F(WarmConnections, EndInOrderWhenTheirProgramIsGoneWithAResetWhereThatEndsNothingElse) {
    run();
    const std::string request("\0\0\0\x08\x04\xd2\x16\x2f", 8);
    const std::size_t before = count("connection.closed");
    for (const bool is_postgres : {true, false}) {
        const auto opened = open(is_postgres);
        {
            const UniqueFd local = connect_to(opened->number);
            ASSERT_EQ(::send(local.get(), request.data(), request.size(), MSG_NOSIGNAL), 8);
            ASSERT_EQ(read(local, request.size()), request);
            const linger at_once{1, 0};
            ::setsockopt(local.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        ASSERT_TRUE(eventually([&] { return count("connection.closed") == before + (is_postgres ? 1 : 2); }));
        EXPECT_EQ(count("connection.closed", "end_of_stream"), is_postgres ? 0U : 1U);
    }
    for (const auto& record : records()) {
        if (record["event"].value("action", "") == "connection.closed") {
            EXPECT_EQ(record["postern"]["closed_by"], "client");
        }
    }
}

TEST_F(WarmConnections, AnotherGatewayIsTriedBesideOneThatDoesNotAnswer) {
    run(WarmOptions{0, 16, 5min, 4min});
    const gateway::SmallBackend silent;
    logins_->change(login(*alice_, {{"gw0", at(silent.port())}, {"gw1", at(line_->port())}}));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(echoes());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s) << "not the ten seconds that a gateway has";
    // From now on the other one goes first. Each try that began with the silent one would take as long as its
    // head start, on a fast machine and on a slow one.
    auto least = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 5; ++i) {
        const auto again = std::chrono::steady_clock::now();
        EXPECT_TRUE(echoes());
        least = std::min(least, std::chrono::steady_clock::now() - again);
    }
    EXPECT_LT(least, 300ms);
}

TEST_F(WarmConnections, AGatewayThatDoesNotAnswerHoldsUpNobodyAtAnother) {
    run(WarmOptions{0, 16, 5min, 4min});
    const gateway::SmallBackend silent;
    logins_->change(login(*alice_, {{"gw0", at(silent.port())}, {"gw1", at(line_->port())}}));
    const auto began = std::chrono::steady_clock::now();
    std::vector<UniqueFd> burst;
    for (int i = 0; i < 150; ++i) {
        burst.push_back(connect_to(port_->number));
    }
    for (const auto& one : burst) {
        EXPECT_EQ(say(one), "x");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "half of the timeout with the silent one";
    EXPECT_EQ(agent_->dialer().preferred("another", logins_->latest()->catalogue())->name, "gw1")
        << "no service's next connection begins with the silent one";
}

TEST_F(WarmConnections, ARenewedLoginIsShownUntilTheGatewayHasSeenIt) {
    run(WarmOptions{0, 16, 5min, 4min});
    gateway::Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    const UniqueFd local = connect_to(port_->number);
    ASSERT_EQ(say(local), "x");
    line_->reject(true);
    show_renewed();
    ASSERT_TRUE(eventually([&] { return line_->accepted() >= 1 + 7; }));
    line_->reject(false);
    const int in_vain = line_->accepted();
    ASSERT_TRUE(eventually([&] { return line_->accepted() > in_vain && line_->open() == 1; }));
    // Both old certificates end.
    clock_ahead_ = 2 * 3600;
    EXPECT_TRUE(bob.is_closed());
    EXPECT_EQ(say(local), "x");
}

TEST_F(WarmConnections, ARenewedLoginIsShownToNobodyWhomItNoLongerConcerns) {
    run(WarmOptions{0, 16, 5min, 4min});
    auto local = std::make_optional(connect_to(port_->number));
    ASSERT_EQ(say(*local), "x");
    line_->reject(true);
    show_renewed();
    ASSERT_TRUE(eventually([&] { return line_->accepted() >= 1 + 2; }));
    // One that is newer, and is shown by itself.
    logins_->change(login(mint("alice"), {{"gw1", at(line_->port())}}));
    EXPECT_FALSE(eventually([&] { return line_->accepted() >= 1 + 5; }, 500ms));
    show_renewed();
    const int before = line_->accepted();
    ASSERT_TRUE(eventually([&] { return line_->accepted() >= before + 2; }));
    local.reset();
    EXPECT_FALSE(eventually([&] { return line_->accepted() >= before + 5; }, 500ms));
}

TEST_F(WarmConnections, AGatewayThatIsDownCostsTheNextOnesNothing) {
    run(WarmOptions{0, 16, 5min, 4min});
    auto down = std::make_unique<Relay>(port());
    const int closed = down->port();
    down.reset();
    logins_->change(login(*alice_, {{"gw0", at(closed)}, {"gw1", at(line_->port())}}));
    for (int i = 0; i < 3; ++i) {
        const auto began = std::chrono::steady_clock::now();
        EXPECT_TRUE(echoes());
        EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
    }
}

}  // namespace
}  // namespace postern::client
