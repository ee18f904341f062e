// The agent's warm connections before a real gateway, with a line between them that can be cut.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "client-proxy/agent/agent.hpp"
#include "http/problem.hpp"
#include "http/server.hpp"
#include "net/deadline.hpp"
#include "net/listener.hpp"
#include "net/tls_stream.hpp"
#include "support/relay.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using gateway::connect_to;
using gateway::eventually;
using gateway::real_now;
using test::Relay;

class Heard final : public EventSink {
public:
    void note(Event event) override {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    std::size_t refusals(Code code) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::count_if(
            events_.begin(), events_.end(),
            [&](const Event& event) { return event.kind == EventKind::refused && event.told.code == code; }));
    }

private:
    mutable std::mutex mutex_;
    std::vector<Event> events_;
};

/// A login that tests replace, as a renewal or a logout does.
class ChangingLogin final : public LoginSource {
public:
    explicit ChangingLogin(LoginPtr login) : login_(std::move(login)) {}
    boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds, WaitsFor) override {
        LoginPtr login = latest();
        if (const auto work = take_work()) {
            work();
        }
        if (!login) {
            Refusal nobody{Code::unauthenticated, "logged out", {}, {}};
            co_return std::move(nobody);
        }
        co_return std::move(login);
    }
    LoginPtr latest() const override {
        const std::lock_guard lock(mutex_);
        return login_;
    }
    void change(LoginPtr login) {
        const std::lock_guard lock(mutex_);
        login_ = std::move(login);
    }
    /// Once, on the loop's thread, before the session that asks goes on.
    void at_next_ask(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        at_next_ask_ = std::move(work);
    }

private:
    std::function<void()> take_work() {
        const std::lock_guard lock(mutex_);
        return std::exchange(at_next_ask_, nullptr);
    }

    mutable std::mutex mutex_;
    LoginPtr login_;
    std::function<void()> at_next_ask_;
};

/// A gateway that hears what is asked of it and all that comes with it, and lets nothing in.
class LostGateway {
public:
    enum class Goes {
        /// Without an answer.
        lost,
        /// The same, but with TLS's goodbye.
        in_order,
        /// With an answer.
        refusing,
    };

    LostGateway(const net::TlsCredentials& own, const pki::TrustBundle& user_ca, Goes goes = Goes::lost)
        : goes_(goes),
          tls_(net::TlsContext::server(own, user_ca, net::ClientCertificate::required).value()),
          loops_(1),
          listener_(net::Listener::bind(net::Address{"127.0.0.1", "0"}).value()) {
        listener_.accept_on(loops_, [this](auto& loop, std::size_t, net::PlainStream socket) {
            net::spawn(loop, "lost", serve(std::move(socket)));
        });
        loops_.start();
    }
    unsigned short port() const { return listener_.port(); }
    std::string heard() const {
        const std::lock_guard lock(mutex_);
        return heard_;
    }

private:
    boost::asio::awaitable<void> serve(net::PlainStream socket) {
        net::TlsStream tls(std::move(socket), tls_, net::TlsStream::Role::server);
        const auto done = co_await tls.handshake();
        std::function<void()> cut = [&tls] { tls.cancel(); };
        const net::Deadline deadline(tls.executor(), 300ms, std::move(cut));
        std::array<unsigned char, 4096> block{};
        const net::Buffer into(block);
        for (bool is_open = done.has_value(); is_open;) {
            const auto got = co_await tls.read_some(into);
            is_open = got && *got > 0;
            const std::lock_guard lock(mutex_);
            heard_.append(reinterpret_cast<const char*>(block.data()), got ? *got : 0);
            is_open = is_open && (goes_ == Goes::lost || heard_.find("\r\n\r\n") == std::string::npos);
        }
        if (goes_ == Goes::in_order) {
            co_await tls.shutdown_send();
        } else if (goes_ == Goes::refusing) {
            const http::Problem problem{Code::crl_stale, "The CRL is stale.", {}, {}};
            http::Response answer = http::problem_response(problem);
            co_await http::write_response(tls, std::move(answer));
        }
    }

    const Goes goes_;
    net::TlsContext tls_;
    mutable std::mutex mutex_;
    std::string heard_;
    net::EventLoops loops_;
    net::Listener listener_;
};

class WarmConnections : public gateway::GatewayFixture {
protected:
    void TearDown() override {
        agent_.reset();
        GatewayFixture::TearDown();
    }

    void run(WarmOptions warm = {}, const std::string& limits = {}) {
        start(service("echo", echo_port()) + rule("echo"), limits);
        line_.emplace(port());
        alice_ = mint("alice");
        logins_ = std::make_shared<ChangingLogin>(login(*alice_, {{"gw1", at(line_->port())}}));
        begin(warm);
    }
    void begin(WarmOptions warm, DialPatience dial = {}) {
        AgentOptions options;
        options.loops = 1;
        options.warm = warm;
        options.dial = dial;
        options.show_pause = 10ms;
        agent_ = std::make_unique<Agent>(heard_, options);
        agent_->start();
        port_ = open(false);
    }
    LocalPortPtr open(bool is_postgres) {
        PortOrder order;
        order.service = "echo";
        order.mode = Mode::passthrough;
        order.is_postgres = is_postgres;
        order.logins = logins_;
        return agent_->open(order).value();
    }
    static std::string at(int port) { return fmt::format("127.0.0.1:{}", port); }
    LoginPtr login(const pki::KeyAndCertificate& leaf, std::vector<GatewayEntry> gateways) const {
        Catalogue catalogue;
        catalogue.gateways = std::move(gateways);
        net::TlsCredentials credentials{leaf.key, {leaf.certificate, user_ca_->issuing.certificate}};
        return Login::make(credentials, server_ca_->bundle, "test.internal", catalogue).value();
    }

    /// As after a renewal.
    void show_renewed() {
        const auto renewed =
            mint("alice", [](test::OddProfile& profile) { profile.not_after = real_now() + 3h; });
        logins_->change(login(renewed, {{"gw1", at(line_->port())}}));
        agent_->show(logins_, logins_->latest());
    }

    bool has_ready(std::size_t number) {
        return eventually([&] { return agent_->warm_connections() == number; });
    }

    /// Whether a byte comes back through a new local connection.
    bool echoes() { return !hello().empty(); }
    std::string hello() {
        const UniqueFd local = connect_to(port_->number);
        return say(local);
    }
    static std::string say(const UniqueFd& local) {
        if (::send(local.get(), "x", 1, MSG_NOSIGNAL) != 1) {
            return {};
        }
        char byte = 0;
        return ::recv(local.get(), &byte, 1, 0) == 1 ? std::string(1, byte) : std::string();
    }

    /// A client that has said that before it is served.
    UniqueFd speak_at_once(const LocalPort& port, const std::string& said) {
        std::promise<void> is_held;
        std::promise<void> goes_on;
        logins_->at_next_ask([&is_held, until = goes_on.get_future().share()] {
            is_held.set_value();
            until.wait();
        });
        UniqueFd local = connect_to(port.number);
        // A session of PostgreSQL's asks for the login once the first packet is there.
        EXPECT_EQ(::send(local.get(), said.data(), said.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(said.size()));
        is_held.get_future().wait();
        goes_on.set_value();
        return local;
    }
    static std::string read(const UniqueFd& local, std::size_t size) {
        std::string heard(size, '\0');
        const ssize_t got = ::recv(local.get(), heard.data(), size, MSG_WAITALL);
        heard.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return heard;
    }

    /// What a client that reads hears instead of bytes: 0 for an orderly end, else errno.
    static int end_of(const UniqueFd& local) {
        char byte = 0;
        const ssize_t got = ::recv(local.get(), &byte, 1, 0);
        EXPECT_LT(got, 1) << "a byte has come";
        return got < 0 ? errno : 0;
    }

    Heard heard_;
    std::optional<Relay> line_;
    std::optional<pki::KeyAndCertificate> alice_;
    std::shared_ptr<ChangingLogin> logins_;
    std::unique_ptr<Agent> agent_;
    LocalPortPtr port_;
};

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

TEST_F(WarmConnections, CarryWhatWasSaidByThenWithTheConnect) {
    run();
    ASSERT_TRUE(has_ready(2));
    const std::string said(100 * 1024, 'y');
    const UniqueFd local = speak_at_once(*port_, said);
    EXPECT_EQ(read(local, said.size()), said) << "also of more than travels with it";
    EXPECT_EQ(say(local), "x");
    EXPECT_EQ(echo_.heard(), said.size() + 1);
}

TEST_F(WarmConnections, ThatDieBeforeTheirAnswerComesHaveNothingSaidTwice) {
    run();
    ASSERT_TRUE(has_ready(2));
    line_->close_at_next_answer();
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET) << "an orderly end would be an answer";
    EXPECT_TRUE(eventually([&] { return heard_.refusals(Code::end_of_stream) == 1; }));
    EXPECT_EQ(count("connection.accepted"), 1U);
    EXPECT_EQ(echo_.heard(), 1U);
    EXPECT_TRUE(echoes()) << "the next one works";
}

TEST_F(WarmConnections, ThatHaveLongBeenSilentAreAskedBeforeAnythingIsSaid) {
    run();
    DialPatience dial;
    dial.just_now = 0ms;
    agent_.reset();
    begin({}, dial);
    ASSERT_TRUE(has_ready(2));
    line_->close_at_next_answer();
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(read(local, 1), "x");
    EXPECT_EQ(count("connection.accepted"), 2U) << "asked for once more";
    EXPECT_EQ(echo_.heard(), 1U);
}

TEST_F(WarmConnections, WhatMayNotBeSaidTwiceIsSaidToNobodyElseOnceItsGatewayIsLost) {
    run(WarmOptions{0, 16, 5min, 4min});
    const LostGateway lost(server_credentials("gateway/gw0"), user_ca_->bundle);
    logins_->change(login(*alice_, {{"gw0", at(lost.port())}, {"gw1", at(line_->port())}}));
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET);
    EXPECT_THAT(lost.heard(), testing::AllOf(testing::StartsWith("CONNECT"), testing::EndsWith("\r\n\r\nx")));
    EXPECT_EQ(echo_.heard(), 0U);
    EXPECT_EQ(hello(), "x") << "the next one goes to the other gateway";
}

TEST_F(WarmConnections, WhatAGatewayLetsGoByInOrderIsSaidToAnother) {
    run(WarmOptions{0, 16, 5min, 4min});
    for (const auto goes : {LostGateway::Goes::in_order, LostGateway::Goes::refusing}) {
        const LostGateway leaving(server_credentials("gateway/gw0"), user_ca_->bundle, goes);
        const auto before = echo_.heard();
        agent_.reset();
        logins_->change(login(*alice_, {{"gw0", at(leaving.port())}, {"gw1", at(line_->port())}}));
        begin(WarmOptions{0, 16, 5min, 4min});
        const UniqueFd local = speak_at_once(*port_, "x");
        EXPECT_EQ(read(local, 1), "x");
        EXPECT_THAT(leaving.heard(), testing::EndsWith("\r\n\r\nx"));
        EXPECT_EQ(echo_.heard() - before, 1U);
    }
}

TEST_F(WarmConnections, WhoIsRefusedIsNotToldOfAnOrderlyEnd) {
    run();
    revoke(alice_->certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return gateway::Visitor(port(), client(*alice_)).ask("GET /v1/services").status == 403U; }));
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET);
    EXPECT_EQ(echo_.heard(), 0U);
}

TEST_F(WarmConnections, OfPostgresqlTheFirstPacketAloneIsSaidWithTheConnect) {
    const std::string startup("\0\0\0\x14\0\x03\0\0user\0alice\0\0", 20);
    const std::string query("Q\0\0\0\x0dINSERT..\0", 14);
    const std::string cancel("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02", 16);
    run(WarmOptions{0, 16, 5min, 4min});
    for (const auto& [said, travels] :
         {std::pair(startup, true), {startup + query, false}, {cancel, false}}) {
        const LostGateway lost(server_credentials("gateway/gw0"), user_ca_->bundle);
        const auto before = echo_.heard();
        agent_.reset();
        logins_->change(login(*alice_, {{"gw0", at(lost.port())}, {"gw1", at(line_->port())}}));
        begin(WarmOptions{0, 16, 5min, 4min});
        const UniqueFd local = speak_at_once(*open(true), said);
        EXPECT_EQ(read(local, said.size()), said);
        EXPECT_THAT(lost.heard(), testing::EndsWith("\r\n\r\n" + (travels ? said : std::string())));
        EXPECT_EQ(echo_.heard() - before, said.size());
    }
}

TEST_F(WarmConnections, LoseNothingWhereTheServiceTurnsOutToSpeakSomethingElse) {
    run(WarmOptions{0, 16, 5min, 4min});
    const auto postgres = open(true);
    const UniqueFd local = connect_to(postgres->number);
    // The list of services comes while the session waits.
    logins_->at_next_ask([&] {
        postgres->is_postgres = false;
        ::send(local.get(), "more", 4, MSG_NOSIGNAL);
    });
    const std::string request("\0\0\0\x08\x04\xd2\x16\x2f", 8);
    ASSERT_EQ(::send(local.get(), request.data(), request.size(), MSG_NOSIGNAL), 8);
    EXPECT_EQ(read(local, 12), request + "more");
}

TEST_F(WarmConnections, WhoHasSpokenPostgresqlIsToldInItWhyNotWhateverTheServiceTurnsOutToSpeak) {
    run(WarmOptions{0, 16, 5min, 4min});
    revoke(alice_->certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return gateway::Visitor(port(), client(*alice_)).ask("GET /v1/services").status == 403U; }));
    const auto postgres = open(true);
    const UniqueFd local = connect_to(postgres->number);
    logins_->at_next_ask([&] { postgres->is_postgres = false; });
    const std::string request("\0\0\0\x08\x04\xd2\x16\x2f", 8);
    ASSERT_EQ(::send(local.get(), request.data(), request.size(), MSG_NOSIGNAL), 8);
    EXPECT_EQ(read(local, 1), "E") << "an ErrorResponse";
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
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "half of the patience with the silent one";
    EXPECT_EQ(agent_->dialer().preferred("another", logins_->latest()->catalogue())->name, "gw1")
        << "no service's next connection begins with the silent one";
}

TEST_F(WarmConnections, ARenewedLoginIsShownUntilTheGatewayHasSeenIt) {
    run(WarmOptions{0, 16, 5min, 4min});
    gateway::Visitor bob(port(), client("bob"));
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    const UniqueFd local = connect_to(port_->number);
    ASSERT_EQ(say(local), "x");
    line_->turn_away(true);
    show_renewed();
    ASSERT_TRUE(eventually([&] { return line_->accepted() >= 1 + 7; }));
    line_->turn_away(false);
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
    line_->turn_away(true);
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
