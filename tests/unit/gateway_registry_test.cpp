// What the gateway remembers: limits, login sessions, live tunnels, and why tunnels ended.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "gateway/tunnel/connection_directory.hpp"
#include "gateway/policy/current_crl.hpp"
#include "gateway/policy/limits.hpp"
#include "gateway/tunnel/live_connections.hpp"
#include "gateway/policy/login_sessions.hpp"
#include "support/odd_certificates.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;

SystemTime at(int seconds) {
    return SystemTime(std::chrono::seconds(1'800'000'000 + seconds));
}

IdentityPtr identity(const std::string& name, const std::string& session, const std::string& serial,
                     int not_after) {
    auto made = std::make_shared<Identity>();
    made->login.name = name;
    made->login.groups = {"analysts"};
    made->login.session_id = session;
    made->login.serial = serial;
    made->login.fingerprint = "fingerprint-of-" + serial;
    made->login.not_before = at(0);
    made->login.not_after = at(not_after);
    made->issuer = "CN=issuer";
    return made;
}

TEST(LimitsTest, LetInUpToEachBoundAndNoFurther) {
    Limits limits(LimitBounds{3, 2, 2});
    auto first = limits.enter("192.0.2.1", "alice");
    auto second = limits.enter("192.0.2.1", "bob");
    ASSERT_TRUE(first && second);
    const auto of_address = limits.enter("192.0.2.1", "carol");
    ASSERT_FALSE(of_address);
    EXPECT_EQ(of_address.error().code, Code::limit_reached);
    auto third = limits.enter("192.0.2.2", "alice");
    ASSERT_TRUE(third);
    EXPECT_FALSE(limits.enter("192.0.2.3", "dave"));  // three in all
    EXPECT_EQ(limits.count(), 3U);
}

TEST(LimitsTest, ARefusalOfTheIdentityKeepsNoPlaceOfTheAddress) {
    Limits limits(LimitBounds{10, 10, 1});
    auto permit = std::make_optional(limits.enter("192.0.2.1", "alice").value());
    EXPECT_FALSE(limits.enter("192.0.2.2", "alice"));
    EXPECT_EQ(limits.count(), 1U);
    permit.reset();
    EXPECT_EQ(limits.count(), 0U);
    EXPECT_TRUE(limits.enter("192.0.2.2", "alice"));
}

TEST(LimitsTest, AreKeptWithinTheFilesThatTheProcessMayOpen) {
    const Capacity wanted{16384, 4096, 4096};
    const Capacity roomy = fit_to_files(wanted, 524288, {2, 1});
    EXPECT_EQ(roomy.connections, wanted.connections);
    EXPECT_EQ(roomy.pending, wanted.pending);
    EXPECT_EQ(roomy.warm, wanted.warm);
    for (const Fixtures fixtures : {Fixtures{2, 1}, Fixtures{128, 4}}) {
        // epoll, eventfd and timerfd of each loop, its own descriptor of each listener, and the listeners.
        const std::size_t own = 64 + fixtures.loops * (3 + fixtures.listeners) + fixtures.listeners;
        for (const std::size_t files : {std::size_t{0}, std::size_t{64}, std::size_t{80}, own + 8,
                                        std::size_t{1024}, std::size_t{20000}}) {
            const Capacity fitting = fit_to_files(wanted, files, fixtures);
            EXPECT_GT(fitting.connections, 0U) << files;
            EXPECT_GT(fitting.pending, 0U) << files;
            EXPECT_GT(fitting.warm, 0U) << files;
            if (files >= own + 8) {
                EXPECT_LE(2 * fitting.connections + fitting.pending + fitting.warm + own, files);
            }
        }
    }
}

TEST(LoginSessionsTest, KnowTheNewestCertificateOfASession) {
    LoginSessions sessions;
    const auto first = identity("alice", "s1", "01", 100);
    const auto second = identity("alice", "s1", "02", 200);
    sessions.note(first);
    EXPECT_EQ(sessions.newest(first), first);
    sessions.note(second);
    EXPECT_EQ(sessions.newest(first), second);
    sessions.note(first);
    EXPECT_EQ(sessions.newest(first), second);
}

TEST(LoginSessionsTest, ShareOneIdentityForOneCertificate) {
    LoginSessions sessions;
    const auto first = sessions.note(identity("alice", "s1", "01", 100));
    EXPECT_EQ(sessions.note(identity("alice", "s1", "01", 100)), first);
}

TEST(LoginSessionsTest, OneSessionOrUserDoesNotExtendAnother) {
    LoginSessions sessions;
    const auto first = identity("alice", "s1", "01", 100);
    sessions.note(first);
    sessions.note(identity("alice", "s2", "02", 200));
    EXPECT_EQ(sessions.newest(first), first);
    sessions.note(identity("mallory", "s1", "03", 200));
    EXPECT_EQ(sessions.newest(first), first);
}

TEST(LoginSessionsTest, ForgetWhatHasExpired) {
    LoginSessions sessions;
    sessions.note(identity("alice", "s1", "01", 100));
    sessions.note(identity("bob", "s2", "02", 200));
    sessions.forget_before(at(150));
    EXPECT_EQ(sessions.size(), 1U);
}

TEST(ConnectionDirectoryTest, TellsTheOwnerAndNobodyElse) {
    ConnectionDirectory directory;
    directory.opened("id-1", ConnectionEntry{"alice", "orders-db", "192.0.2.9", 5432, true, {}});
    ASSERT_TRUE(directory.find("id-1", "alice"));
    EXPECT_TRUE(directory.find("id-1", "alice")->is_open);
    EXPECT_FALSE(directory.find("id-1", "mallory"));
    EXPECT_FALSE(directory.find("id-2", "alice"));
    directory.closed("id-1", Code::revoked);
    EXPECT_FALSE(directory.find("id-1", "alice")->is_open);
    EXPECT_EQ(directory.find("id-1", "alice")->reason, Code::revoked);
    EXPECT_EQ(directory.find("id-1", "alice")->service, "orders-db");
    EXPECT_FALSE(directory.find("id-1", "mallory"));
    EXPECT_FALSE(directory.find("id-1", ""));
}

TEST(ConnectionDirectoryTest, RemembersABoundedNumberOfTheEnded) {
    ConnectionDirectory directory(2);
    for (const char* id : {"a", "b", "c", "open"}) {
        directory.opened(id, ConnectionEntry{"alice", "orders-db", "192.0.2.9", 5432, true, {}});
    }
    for (const char* id : {"a", "b", "c", "c"}) {
        directory.closed(id, std::nullopt);
    }
    EXPECT_FALSE(directory.find("a", "alice"));
    EXPECT_TRUE(directory.find("b", "alice"));
    EXPECT_TRUE(directory.find("c", "alice"));
    EXPECT_TRUE(directory.find("open", "alice")->is_open);
}

/// A stream that only notes that it was closed.
class ClosableStream final : public net::ByteStream {
public:
    void when_readable(net::ReadyListenerPtr) override {}
    Result<std::optional<std::size_t>> try_read(net::Buffer) override { return Failure{Code::cancelled, {}}; }
    void when_writable(net::ReadyListenerPtr) override {}
    Result<std::size_t> try_write(net::Bytes) override { return Failure{Code::cancelled, {}}; }
    boost::asio::awaitable<Result<void>> shutdown_send() override { co_return Failure{Code::cancelled, {}}; }
    void wake() noexcept override {}
    void cancel() noexcept override {}
    void close() noexcept override { ++closed; }
    boost::asio::any_io_executor executor() override { return loop.get_executor(); }

    boost::asio::io_context loop;
    int closed = 0;
};

class LiveConnectionsTest : public testing::Test {
protected:
    static Policy make_policy(std::vector<Rule> rules) {
        return Policy::make(
                   {Service{"orders-db", {"127.0.0.1", "5432"}, Protocol::postgres, Mode::end_to_end}}, rules)
            .value();
    }
    Judgement judgement(int now, std::chrono::milliseconds grace = 0s) const {
        return Judgement{at(now), policy_, revocations_.get(), sessions_, grace};
    }

    static const test::Authority& authority() {
        static const test::Authority made = test::make_authority("Users", real_now());
        return made;
    }
    static SystemTime real_now() {
        return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    static IdentityPtr of_this_authority(const IdentityPtr& plain) {
        auto made = std::make_shared<Identity>(*plain);
        made->issuer = authority().issuing.certificate.subject();
        made->issuer_key = authority().issuing.certificate.subject_key_id();
        return made;
    }
    void revoke(const std::vector<std::pair<std::string, pki::RevocationReason>>& serials) {
        const SystemTime now = real_now();
        std::vector<pki::RevokedSerial> revoked;
        for (const auto& [serial, reason] : serials) {
            revoked.push_back({serial, now, reason});
        }
        CurrentCrl current;
        const auto der = authority().issuer.issue_crl(1, now, now + 1h, revoked);
        revocations_ = current.offer(der.value(), authority().bundle, Moment{now, EvenTime()}).value();
    }

    Policy policy_ = make_policy({Rule{{"orders-db"}, {}, {"analysts"}}});
    RevocationsPtr revocations_;
    LoginSessions sessions_;
    LiveConnections live_;
};

TEST_F(LiveConnectionsTest, AnExpiredTunnelIsCutOnceAndClosed) {
    ClosableStream client;
    LiveTunnel tunnel(live_, identity("alice", "s1", "01", 100), "orders-db");
    tunnel.owns_client(client);
    EXPECT_EQ(live_.cut_expired(judgement(99)), 0U);
    EXPECT_EQ(client.closed, 0);
    EXPECT_EQ(live_.cut_expired(judgement(100)), 1U);
    EXPECT_EQ(live_.cut_expired(judgement(102)), 0U);
    EXPECT_EQ(client.closed, 1);
    EXPECT_EQ(tunnel.cut_reason(), Code::expired);
    tunnel.cut(Code::revoked);
    EXPECT_EQ(tunnel.cut_reason(), Code::expired);
}

TEST_F(LiveConnectionsTest, TheGraceCarriesATunnelPastItsCertificate) {
    LiveTunnel tunnel(live_, identity("alice", "s1", "01", 100), "orders-db");
    EXPECT_EQ(live_.cut_expired(judgement(104, 5s)), 0U);
    EXPECT_EQ(live_.cut_expired(judgement(105, 5s)), 1U);
}

TEST_F(LiveConnectionsTest, ANewerCertificateOfTheSessionCarriesTheTunnelOn) {
    const auto first = identity("alice", "s1", "01", 100);
    LiveTunnel tunnel(live_, first, "orders-db");
    sessions_.note(identity("alice", "s1", "02", 200));
    EXPECT_EQ(live_.cut_expired(judgement(150)), 0U);
    EXPECT_EQ(tunnel.identity().login.serial, "02");
    EXPECT_EQ(live_.cut_expired(judgement(201)), 1U);
}

TEST_F(LiveConnectionsTest, ARenewalWithoutTheGroupEndsTheTunnelWhenTheOldCertificateEnds) {
    LiveTunnel tunnel(live_, identity("alice", "s1", "01", 100), "orders-db");
    auto demoted = std::make_shared<Identity>(*identity("alice", "s1", "02", 200));
    demoted->login.groups.clear();
    sessions_.note(demoted);
    EXPECT_EQ(live_.judge_all(judgement(50)), 0U);
    EXPECT_EQ(live_.cut_expired(judgement(101)), 1U);
    EXPECT_EQ(tunnel.cut_reason(), Code::policy_denied);
}

TEST_F(LiveConnectionsTest, APolicyThatNoLongerAllowsCutsAndTheOthersStay) {
    LiveTunnel alices(live_, identity("alice", "s1", "01", 100), "orders-db");
    LiveTunnel bobs(live_, identity("bob", "s2", "02", 100), "orders-db");
    policy_ = make_policy({Rule{{"orders-db"}, {"bob"}, {}}});
    EXPECT_EQ(live_.judge_all(judgement(50)), 1U);
    EXPECT_EQ(alices.cut_reason(), Code::policy_denied);
    EXPECT_FALSE(bobs.cut_reason());
}

TEST_F(LiveConnectionsTest, AClockThatJumpsForwardCutsAtTheNextJudgementAndBackRevivesNobody) {
    LiveTunnel alices(live_, identity("alice", "s1", "01", 100), "orders-db");
    LiveTunnel bobs(live_, identity("bob", "s2", "02", 90'000), "orders-db");
    EXPECT_EQ(live_.cut_expired(judgement(50)), 0U);
    // A day ahead in one step; no timer was armed for the end of the certificate.
    EXPECT_EQ(live_.cut_expired(judgement(86'400)), 1U);
    EXPECT_EQ(alices.cut_reason(), Code::expired);
    EXPECT_EQ(live_.cut_expired(judgement(50)), 0U);
    EXPECT_EQ(alices.cut_reason(), Code::expired);
    EXPECT_FALSE(bobs.cut_reason());
}

TEST_F(LiveConnectionsTest, AClockThatJumpsBackKeepsTheLiveAndNotTheRevoked) {
    revoke({{"0a", pki::RevocationReason::key_compromise}});
    LiveTunnel alices(live_, of_this_authority(identity("alice", "s1", "0a", 100)), "orders-db");
    LiveTunnel bobs(live_, of_this_authority(identity("bob", "s2", "0c", 100)), "orders-db");
    // Before both certificates began, and before the CRL was made.
    EXPECT_EQ(live_.judge_all(judgement(-86'400)), 1U);
    EXPECT_EQ(alices.cut_reason(), Code::revoked);
    EXPECT_FALSE(bobs.cut_reason());
}

TEST_F(LiveConnectionsTest, ATunnelThatLivesOnByARenewedCertificateEndsWhenItsFirstOneIsRevoked) {
    const auto first = of_this_authority(identity("alice", "s1", "0a", 100));
    LiveTunnel alices(live_, first, "orders-db");
    LiveTunnel others(live_, of_this_authority(identity("alice", "s1", "0c", 100)), "orders-db");
    sessions_.note(of_this_authority(identity("alice", "s1", "0d", 200)));
    EXPECT_EQ(live_.cut_expired(judgement(150)), 0U);
    ASSERT_EQ(alices.identity().login.serial, "0d");
    // Of the session's three certificates the list names the one that opened the tunnel.
    revoke({{"0a", pki::RevocationReason::key_compromise}});
    EXPECT_EQ(live_.judge_all(judgement(150)), 1U);
    EXPECT_EQ(alices.cut_reason(), Code::revoked);
    EXPECT_FALSE(others.cut_reason());
}

TEST_F(LiveConnectionsTest, ARevocationCutsTheTunnelOfThatCertificateOrOfANewerOneOfItsSession) {
    const auto with_issuer = [&](const IdentityPtr& plain) { return of_this_authority(plain); };
    revoke(
        {{"0a", pki::RevocationReason::privilege_withdrawn}, {"0b", pki::RevocationReason::key_compromise}});

    LiveTunnel alices(live_, with_issuer(identity("alice", "s1", "0a", 100)), "orders-db");
    LiveTunnel bobs(live_, with_issuer(identity("bob", "s2", "0c", 100)), "orders-db");
    LiveTunnel carols(live_, with_issuer(identity("carol", "s3", "0d", 100)), "orders-db");
    sessions_.note(with_issuer(identity("carol", "s3", "0b", 200)));
    EXPECT_EQ(live_.judge_all(judgement(50)), 2U);
    EXPECT_EQ(alices.cut_reason(), Code::user_disabled);
    EXPECT_FALSE(bobs.cut_reason());
    EXPECT_EQ(carols.cut_reason(), Code::revoked);
}

/// As after a change of the CA's issuing key: the new list says nothing of what the old key signed, and none
/// will any more.
TEST_F(LiveConnectionsTest, ATunnelThatNoListSpeaksOfIsCut) {
    const auto of_old_key = [](const IdentityPtr& plain) {
        auto made = std::make_shared<Identity>(*of_this_authority(plain));
        made->issuer_key = "0123";
        return made;
    };
    LiveTunnel alices(live_, of_old_key(identity("alice", "s1", "0a", 100)), "orders-db");
    LiveTunnel bobs(live_, of_this_authority(identity("bob", "s2", "0c", 100)), "orders-db");
    LiveTunnel carols(live_, of_old_key(identity("carol", "s3", "0d", 100)), "orders-db");
    LiveTunnel dans(live_, identity("dan", "s4", "0e", 100), "orders-db");
    // Without any list, as when the CA cannot be reached, nothing has changed.
    EXPECT_EQ(live_.judge_all(judgement(50)), 0U);
    // A session whose new certificate the list speaks of can be revoked by that.
    sessions_.note(of_this_authority(identity("carol", "s3", "0f", 200)));
    revoke({});
    EXPECT_EQ(live_.judge_all(judgement(50)), 2U);
    EXPECT_EQ(alices.cut_reason(), Code::crl_stale);
    EXPECT_EQ(dans.cut_reason(), Code::crl_stale) << "of another authority";
    EXPECT_FALSE(bobs.cut_reason());
    EXPECT_FALSE(carols.cut_reason());
    revoke({{"0f", pki::RevocationReason::unspecified}});
    EXPECT_EQ(live_.judge_all(judgement(50)), 1U);
    EXPECT_EQ(carols.cut_reason(), Code::revoked);
}

TEST_F(LiveConnectionsTest, ATunnelThatIsGoneIsNotTouched) {
    {
        const LiveTunnel tunnel(live_, identity("alice", "s1", "01", 100), "orders-db");
        EXPECT_EQ(live_.size(), 1U);
    }
    EXPECT_EQ(live_.size(), 0U);
    EXPECT_EQ(live_.cut_expired(judgement(1000)), 0U);
}

}  // namespace
}  // namespace postern::gateway
