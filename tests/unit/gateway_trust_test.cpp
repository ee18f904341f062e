// A chain that the gateway knows is judged again at each CONNECT: by the trust bundle, the CRL and the clock of that moment.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <gmock/gmock.h>

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

TEST_F(GatewayTrust, UnderLoadAChainThatIsKnownIsStillJudgedEachTime) {
    ::signal(SIGPIPE, SIG_IGN);
    start(service("echo", echo_port()) + rule("echo"));
    const Authority other = test::make_authority("Others", real_now());
    const auto revoked = mint("alice");
    const auto expiring = mint("bob", [](OddProfile& profile) { profile.not_after = real_now() + 1h; });
    const auto distrusted = mint("carol", [](OddProfile& profile) { profile.not_after = real_now() + 9h; });
    std::atomic<int> let_in = 0;
    // What each reads in the end; empty when the handshake already failed.
    const auto until_refused = [&](const pki::KeyAndCertificate& own, std::string& code) {
        const ClientContext context = client(own);
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (std::chrono::steady_clock::now() < end) {
            const auto answer = Visitor(port(), context).ask("CONNECT echo:7");
            if (answer.status != 200) {
                code = answer.status == 0 ? std::string() : answer.json().value("code", "");
                return;
            }
            ++let_in;
        }
    };
    std::array<std::string, 3> codes{"none", "none", "none"};
    std::array<std::thread, 3> threads{std::thread(until_refused, std::cref(revoked), std::ref(codes[0])),
                                       std::thread(until_refused, std::cref(expiring), std::ref(codes[1])),
                                       std::thread(until_refused, std::cref(distrusted), std::ref(codes[2]))};
    EXPECT_TRUE(eventually([&] { return let_in > 30; }));
    revoke(revoked.certificate, pki::RevocationReason::key_compromise);
    threads[0].join();
    EXPECT_EQ(codes[0], "revoked");
    clock_ahead_ = 2 * 3600;
    threads[1].join();
    EXPECT_EQ(codes[1], "expired");
    std::ofstream(folder_ / "user-ca.pem") << other.bundle.pem();
    EXPECT_TRUE(server_->reload());
    threads[2].join();
    EXPECT_THAT(codes[2], testing::AnyOf("", "unknown_issuer", "crl_stale"));
}

}  // namespace
}  // namespace postern::gateway
