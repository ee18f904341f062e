// A chain that the gateway knows is judged again at each CONNECT: by the trust bundle, the CRL and the clock
// of that moment.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "support/kept_log.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using test::Authority;
using test::OddProfile;

class GatewayTrust : public GatewayFixture {};

TEST_F(GatewayTrust, AWarmConnectionIsJudgedByTheTrustBundleInForce) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor kept(port(), client("alice"));
    Visitor distrusted(port(), client("bob"));
    ASSERT_EQ(kept.ask("GET /v1/services").status, 200U);
    ASSERT_EQ(distrusted.ask("GET /v1/services").status, 200U);
    const Authority other = test::make_authority("Others", real_now());
    std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem() << other.bundle.pem();
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(kept.ask("CONNECT echo:7").status, 200U);
    std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem();
    ASSERT_TRUE(server_->reload());
    EXPECT_EQ(distrusted.ask("CONNECT echo:7").json()["code"], "unknown_issuer");
    EXPECT_EQ(echo_.accepted(), 1);
}

TEST_F(GatewayTrust, AReloadCutsTheTunnelsOfAnAuthorityThatLeftTheBundleAndNoOthers) {
    const Authority other = test::make_authority("Others", real_now());
    std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem() << other.bundle.pem();
    start(service("echo", echo_port()) + rule("echo"));
    Visitor warm(port(), client("alice"));
    ASSERT_EQ(warm.ask("CONNECT echo:7").status, 200U);
    Visitor again(port(), client("alice"));
    ASSERT_EQ(again.ask("CONNECT echo:7").status, 200U);
    const auto echoes = [](Visitor& visitor) {
        visitor.send("still here");
        return visitor.read(10) == "still here";
    };
    // In another order, and without the other: both still vouch for them.
    std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem() << user_ca_->bundle.pem();
    ASSERT_TRUE(server_->reload());
    std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem();
    ASSERT_TRUE(server_->reload());
    EXPECT_TRUE(echoes(warm));
    EXPECT_TRUE(echoes(again));
    std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem();
    ASSERT_TRUE(server_->reload());
    EXPECT_TRUE(warm.is_closed());
    EXPECT_TRUE(again.is_closed());
    EXPECT_TRUE(eventually([&] { return count("connection.closed", "unknown_issuer") == 2; }));
    EXPECT_EQ(wait_for("connection.closed", "unknown_issuer")["postern"]["closed_by"], "gateway");
}

TEST_F(GatewayTrust, AReloadLeavesATunnelToItsSessionsNewerCertificate) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto of_life = [&](std::chrono::hours life) {
        return client(mint("alice", [&](OddProfile& profile) { profile.not_after = real_now() + life; }));
    };
    Visitor alice(port(), of_life(1h));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    EXPECT_EQ(Visitor(port(), of_life(3h)).ask("GET /v1/services").status, 200U);
    clock_ahead_ = 2 * 3600;
    const Authority other = test::make_authority("Others", real_now());
    std::ofstream(folder_ / "user-ca.pem") << user_ca_->bundle.pem() << other.bundle.pem();
    ASSERT_TRUE(server_->reload());
    std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem() << user_ca_->bundle.pem();
    ASSERT_TRUE(server_->reload());
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

/// What a revocation costs is what it adds: the whole list is fetched once.
TEST_F(GatewayTrust, ARevocationArrivesAsAChange) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto alice = mint("alice");
    const int before = complete_questions_;
    Visitor inside(port(), client(alice));
    ASSERT_EQ(inside.ask("CONNECT echo:7").status, 200U);
    revoke(mint("bob").certificate, pki::RevocationReason::superseded);
    revoke(alice.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(inside.is_closed());
    EXPECT_EQ(Visitor(port(), client(alice)).ask("CONNECT echo:7").json()["code"], "revoked");
    EXPECT_EQ(complete_questions_, before);
    EXPECT_GT(gateway_questions_, 0) << "the CA knows who asks";
}

class GatewayAtAnOlderCa : public GatewayFixture {
protected:
    GatewayAtAnOlderCa() { ca_knows_gateways_ = false; }
};

TEST_F(GatewayAtAnOlderCa, ThatDoesNotKnowItsCertificateGetsTheListWithoutIt) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto alice = mint("alice");
    Visitor inside(port(), client(alice));
    ASSERT_EQ(inside.ask("CONNECT echo:7").status, 200U);
    revoke(alice.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(inside.is_closed());
    EXPECT_EQ(gateway_questions_, 0);
}

TEST_F(GatewayTrust, ARevocationArrivesFromACaThatKnowsNoChanges) {
    has_changes_ = false;
    start(service("echo", echo_port()) + rule("echo"));
    const auto alice = mint("alice");
    Visitor inside(port(), client(alice));
    ASSERT_EQ(inside.ask("CONNECT echo:7").status, 200U);
    revoke(alice.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(inside.is_closed());
}

TEST_F(GatewayTrust, AListAndItsChangesOutliveARestartWithoutTheCa) {
    more_ca_ = "crl_file = \"user.crl\"\n";
    start(service("echo", echo_port()) + rule("echo"));
    const auto alice = mint("alice");
    revoke(alice.certificate, pki::RevocationReason::key_compromise);
    const auto is_revoked = [&] {
        const Visitor::Answer answer = Visitor(port(), client(alice)).ask("CONNECT echo:7");
        return answer.status == 403 && answer.json().value("code", "") == "revoked";
    };
    ASSERT_TRUE(eventually(is_revoked));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder_ / "user.crl.changes"); }));
    server_.reset();
    is_ca_holding_ = true;
    server_ = Server::start(folder_ / "gateway.toml", [] { return real_now(); }).value();
    EXPECT_TRUE(is_revoked());
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7").status, 200U);
}

/// The CA's clock is wrong for a while: the list at hand stays, nobody is turned away, and a list of the
/// right time is taken again.
TEST_F(GatewayTrust, AListOfAnotherTimeReplacesNoGoodOne) {
    const test::KeptLog log;
    crl_seconds_ = 3600;
    start(service("echo", echo_port()) + rule("echo"));
    const auto alice = mint("alice");
    const auto asks_on = [&] {
        const int before = crl_questions_;
        return eventually([&] { return crl_questions_ > before + 2; });
    };
    for (const std::int64_t ahead : {10 * 24 * 3600, -2 * 3600}) {
        ca_ahead_ = ahead;
        const auto bob = mint("bob");
        Visitor inside(port(), client(bob));
        EXPECT_EQ(inside.ask("CONNECT echo:7").status, 200U) << ahead;
        revoke(bob.certificate, pki::RevocationReason::superseded);
        EXPECT_TRUE(inside.is_closed()) << "a revocation counts whatever the clocks say";
        ASSERT_TRUE(asks_on());
        EXPECT_EQ(Visitor(port(), client(alice)).ask("CONNECT echo:7").status, 200U) << ahead;
    }
    ca_ahead_ = 0;
    revoke(alice.certificate, pki::RevocationReason::key_compromise);
    EXPECT_TRUE(eventually([&] {
        const Visitor::Answer answer = Visitor(port(), client(alice)).ask("CONNECT echo:7");
        return answer.status == 403 && answer.json().value("code", "") == "revoked";
    }));
    server_.reset();
    for (const std::string kind : {"reason=not_yet_valid detail=\"CRL", "reason=expired detail=\"CRL"}) {
        const std::string told = log.told();
        EXPECT_NE(told.find(kind), told.npos) << told;
        EXPECT_EQ(told.find(kind), told.rfind(kind)) << "once, and not each time that the CA is asked: " << told;
    }
}

/// Clients that connect and ask for a tunnel without a pause, each with a full handshake; and some that shook
/// hands before and ask later.
class Crowd {
public:
    static constexpr int kThreads = 4;
    static constexpr std::size_t kWarm = 24;

    Crowd(unsigned short port, ClientContext context) : port_(port), context_(std::move(context)) {
        ::signal(SIGPIPE, SIG_IGN);
        for (std::size_t i = 0; i < kWarm; ++i) {
            warm_.push_back(std::make_unique<Visitor>(port_, context_));
            EXPECT_TRUE(warm_.back()->is_greeted());
        }
        for (std::thread& thread : threads_) {
            thread = std::thread([this] { hurry(); });
        }
    }
    ~Crowd() { stop(); }

    int let_in() const { return let_in_; }
    int rejected() const { return rejected_; }
    /// From now on the change may be in force, and one may be let in or not.
    void begins_to_change() { phase_ = Phase::changing; }
    /// From now on it is: nobody who comes, or asks, after this may be let in.
    void has_changed() { phase_ = Phase::changed; }
    /// Of those who came after has_changed().
    int rejected_since() const { return rejected_since_; }
    void stop() {
        is_over_ = true;
        for (std::thread& thread : threads_) {
            if (thread.joinable()) {
                thread.join();
            }
        }
    }
    /// What went wrong, and every reason that was given; after stop().
    int let_in_since() const { return let_in_since_; }
    const std::set<std::string>& reasons() const { return reasons_; }
    /// What those who had shaken hands before are told.
    std::multiset<std::string> ask_warm() {
        std::multiset<std::string> told;
        for (const auto& visitor : warm_) {
            told.insert(verdict(visitor->ask("CONNECT echo:7")));
        }
        return told;
    }

private:
    enum class Phase { before, changing, changed };

    /// "200", or the reason; "" when the connection ended without one.
    static std::string verdict(const Visitor::Answer& answer) {
        if (answer.status == 200) {
            return "200";
        }
        return answer.status == 0 ? std::string() : answer.json().value("code", "");
    }

    void hurry() {
        while (!is_over_) {
            const Phase began_in = phase_;
            const std::string told = verdict(Visitor(port_, context_).ask("CONNECT echo:7"));
            const bool is_in = told == "200";
            ++(is_in ? let_in_ : rejected_);
            if (began_in == Phase::changed) {
                ++(is_in ? let_in_since_ : rejected_since_);
            }
            if (is_in) {
                continue;
            }
            const std::lock_guard lock(mutex_);
            reasons_.insert(told);
        }
    }

    unsigned short port_;
    ClientContext context_;
    std::vector<std::unique_ptr<Visitor>> warm_;
    std::atomic<Phase> phase_ = Phase::before;
    std::atomic<bool> is_over_ = false;
    std::atomic<int> let_in_ = 0;
    std::atomic<int> rejected_ = 0;
    std::atomic<int> let_in_since_ = 0;
    std::atomic<int> rejected_since_ = 0;
    std::mutex mutex_;
    std::set<std::string> reasons_;
    std::array<std::thread, kThreads> threads_;
};

/// A change that bars the crowd's certificate, while hundreds a second are let in with it.
class GatewayTrustUnderLoad : public GatewayFixture {
protected:
    static constexpr int kMany = 200;
    /// Who has shaken hands may wait until the crowd has been turned away.
    static constexpr const char* kPatient = "request_timeout = \"60s\"\n";

    /// `change` returns when it is in force at every loop.
    void bar(Crowd& crowd, const std::function<void()>& change, const std::string& reason) {
        const auto began = std::chrono::steady_clock::now();
        ASSERT_TRUE(eventually([&] { return crowd.let_in() >= kMany; }));
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        RecordProperty("connections_per_second", static_cast<int>(kMany / took.count()));
        ASSERT_EQ(crowd.rejected(), 0);
        crowd.begins_to_change();
        change();
        crowd.has_changed();
        EXPECT_TRUE(eventually([&] { return crowd.rejected_since() >= kMany; }));
        crowd.stop();
        EXPECT_EQ(crowd.let_in_since(), 0);
        EXPECT_THAT(crowd.ask_warm(), testing::Each(reason));
        // An alert of the handshake is as good as an answer.
        EXPECT_THAT(crowd.reasons(), testing::IsSubsetOf({reason, meanwhile_, std::string()}));
        Visitor other(port(), client(*bystander_));
        EXPECT_EQ(other.ask("CONNECT echo:7").status, other_status_);
    }

    pki::KeyAndCertificate of_life(const std::string& name, std::chrono::hours life) const {
        return mint(name, [&](OddProfile& profile) { profile.not_after = real_now() + life; });
    }

    /// Somebody whom the change does not concern.
    std::optional<pki::KeyAndCertificate> bystander_;
    unsigned other_status_ = 200;
    /// What else may be the reason while the change is on its way.
    std::string meanwhile_;
};

TEST_F(GatewayTrustUnderLoad, NobodyIsLetInOnceTheCertificateHasExpired) {
    start(service("echo", echo_port()) + rule("echo"), kPatient);
    bystander_ = of_life("bob", 9h);
    Crowd crowd(port(), client(of_life("alice", 1h)));
    bar(
        crowd, [&] { clock_ahead_ = 2 * 3600; }, "expired");
}

TEST_F(GatewayTrustUnderLoad, NobodyIsLetInOnceANewCrlNamesTheCertificate) {
    start(service("echo", echo_port()) + rule("echo"), kPatient);
    bystander_ = mint("bob");
    const auto stolen = mint("alice");
    Crowd crowd(port(), client(stolen));
    const auto change = [&] {
        revoke(stolen.certificate, pki::RevocationReason::key_compromise);
        // One thread asks for the CRL, publishes it, and asks again: with the second question after the
        // revocation the answer to the first is in force.
        const int asked = crl_questions_;
        ASSERT_TRUE(eventually([&] { return crl_questions_ >= asked + 2; }));
    };
    bar(crowd, change, "revoked");
}

TEST_F(GatewayTrustUnderLoad, NobodyIsLetInOnceTheTrustBundleNoLongerHoldsTheIssuer) {
    start(service("echo", echo_port()) + rule("echo"), kPatient);
    const Authority other = test::make_authority("Others", real_now());
    bystander_ = mint("bob");
    // Nobody else of that issuer is let in either.
    other_status_ = 0;
    // The watch of the CRL drops the one that the new bundle does not vouch for.
    meanwhile_ = "crl_stale";
    Crowd crowd(port(), client("alice"));
    const auto change = [&] {
        std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem();
        ASSERT_TRUE(server_->reload());
    };
    bar(crowd, change, "unknown_issuer");
}

TEST_F(GatewayTrust, OfTheGatewaysOwnCertificateEndsWithWarnings) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto& snapshot = server_->snapshot();
    const SystemTime end = snapshot.chain.front().not_after();
    const auto about_the_end = [&](SystemTime now) {
        std::string all;
        for (const auto& warning : snapshot.warnings(now)) {
            all += warning + "\n";
        }
        return all;
    };
    EXPECT_EQ(about_the_end(end - std::chrono::hours(24 * 8)).find("expire"), std::string::npos);
    EXPECT_NE(about_the_end(end - std::chrono::hours(24 * 6)).find("expires at"), std::string::npos);
    EXPECT_NE(about_the_end(end + std::chrono::hours(1)).find("expired at"), std::string::npos);
}

}  // namespace
}  // namespace postern::gateway
