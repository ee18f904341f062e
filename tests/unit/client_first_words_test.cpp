// What a client says before there is a tunnel: what of it travels with the CONNECT, and how often it is said.
#include <cerrno>
#include <mutex>
#include <string>
#include <utility>

#include <gmock/gmock.h>

#include "http/problem.hpp"
#include "http/server.hpp"
#include "net/deadline_timer.hpp"
#include "net/listener.hpp"
#include "net/tls_stream.hpp"
#include "unit/client_warm_fixture.hpp"

namespace postern::client {
namespace {

class FirstWords : public WarmConnections {};

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
        const net::DeadlineTimer deadline(tls.executor(), 300ms, std::move(cut));
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

TEST_F(FirstWords, TravelWithTheConnect) {
    run();
    ASSERT_TRUE(has_ready(2));
    const std::string said(100 * 1024, 'y');
    const UniqueFd local = speak_at_once(*port_, said);
    EXPECT_EQ(read(local, said.size()), said) << "also of more than travels with it";
    EXPECT_EQ(say(local), "x");
    EXPECT_EQ(echo_.heard(), said.size() + 1);
}

TEST_F(FirstWords, AreNotSaidAgainWhenTheConnectionDiesBeforeItsAnswerComes) {
    run();
    ASSERT_TRUE(has_ready(2));
    line_->close_at_next_answer();
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET) << "an orderly end would be an answer";
    EXPECT_TRUE(eventually([&] { return heard_.refusals(Code::end_of_stream) == 1; }));
    EXPECT_EQ(count("connection.accepted"), 1U);
    // The backend counts what has reached it a moment after the gateway has passed it on.
    EXPECT_TRUE(eventually([&] { return echo_.heard() == 1U; }));
    EXPECT_TRUE(echoes()) << "the next one works";
}

TEST_F(FirstWords, WaitForTheAnswerOfAConnectionThatHasLongBeenSilent) {
    run();
    DialTimeouts dial;
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

TEST_F(FirstWords, AreSaidToNobodyElseOnceTheirGatewayIsLost) {
    run(WarmOptions{0, 16, 5min, 4min});
    const LostGateway lost(server_credentials("gateway/gw0"), user_ca_->bundle);
    logins_->change(login(*alice_, {{"gw0", at(lost.port())}, {"gw1", at(line_->port())}}));
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET);
    EXPECT_THAT(lost.heard(), testing::AllOf(testing::StartsWith("CONNECT"), testing::EndsWith("\r\n\r\nx")));
    EXPECT_EQ(echo_.heard(), 0U);
    EXPECT_EQ(hello(), "x") << "the next one goes to the other gateway";
}

TEST_F(FirstWords, ThatAGatewayLetsGoByInOrderAreSaidToAnother) {
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

TEST_F(FirstWords, OfWhoIsRefusedMeetNoOrderlyEnd) {
    run();
    revoke(alice_->certificate, pki::RevocationReason::privilege_withdrawn);
    ASSERT_TRUE(eventually(
        [&] { return gateway::Visitor(port(), client(*alice_)).ask("GET /v1/services").status == 403U; }));
    const UniqueFd local = speak_at_once(*port_, "x");
    EXPECT_EQ(end_of(local), ECONNRESET);
    EXPECT_EQ(echo_.heard(), 0U);
}

TEST_F(FirstWords, OfPostgresqlTheFirstPacketAloneIsSaidWithTheConnect) {
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

TEST_F(FirstWords, AreAllThereWhereTheServiceTurnsOutToSpeakSomethingElse) {
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

TEST_F(FirstWords, InPostgresqlAreAnsweredInItWhateverTheServiceTurnsOutToSpeak) {
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

}  // namespace
}  // namespace postern::client
