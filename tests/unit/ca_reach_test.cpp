// Whom a revocation has reached: gateways say which list they hold, and the command that revokes tells.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "base/json.hpp"
#include "ca-service/gateway_reports.hpp"
#include "ca-service/store/gateway_lists.hpp"
#include "pki/crl.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::Not;

class CaReach : public CaService {
protected:
    net::TlsCredentials enrol(const std::string& kind, const std::string& name) const {
        const Ran made = ca({"token", "create", kind, name, "--dns", "localhost", "--json"});
        EXPECT_EQ(made.exit_code, 0) << made.err;
        const json body{{"token", parse_json(made.out).at("token")}, {"csr", csr_}};
        return credentials_of(client().post_json("/v1/enroll", json_text(body)).value());
    }
    std::vector<std::string> heard_of() const {
        std::vector<std::string> names;
        for (const store::GatewayList& list : store::gateway_lists(*database_).value()) {
            names.push_back(list.gateway);
        }
        return names;
    }
};

/// Asks as a gateway does, for as long as it lives.
class Asking {
public:
    Asking(http::Client client, pki::Certificate issuer)
        : client_(std::move(client)), issuer_(std::move(issuer)) {
        const auto list = client_.get("/v1/crl").value();
        number_ = pki::Crl::verify(list.body, issuer_).value().number();
        thread_ = std::thread([this] { run(); });
    }
    ~Asking() {
        is_over_ = true;
        thread_.join();
    }

private:
    void run() {
        while (!is_over_) {
            const auto answer = client_.get("/v1/crl/changes?after=" + std::to_string(number_));
            if (answer && answer->status == 200) {
                const auto parts = pki::split_deltas(answer->body).value();
                number_ = pki::CrlDelta::verify(parts.back(), issuer_).value().number();
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    http::Client client_;
    pki::Certificate issuer_;
    std::uint64_t number_ = 0;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

TEST_F(CaReach, TheCommandSaysWhichGatewaysHaveARevocationAndWhichNot) {
    const auto alices = credentials_of(login("alice", "correct horse"));
    const Asking gateway(client(enrol("--gateway", "gw1")), alices.chain.back());
    ASSERT_TRUE(store::note_gateway_lists(*database_, {{"gw2", 1, system_clock()() - minutes(10)}}));
    std::ofstream(ca_ / "ca.toml", std::ios::app) << "[[gateway]]\nname = \"gw3\"\naddress = \"gw3:7443\"\n";
    ASSERT_TRUE(eventually([&] { return heard_of() == std::vector<std::string>{"gw1", "gw2"}; }));

    const Ran revoked = ca({"cert", "revoke", "--user", "alice"});
    ASSERT_EQ(revoked.exit_code, 0) << revoked.err;
    EXPECT_THAT(revoked.out, HasSubstr("In force at: gw1 after "));
    EXPECT_THAT(revoked.out, HasSubstr("Not yet at: gw2 (last heard of at "));
    EXPECT_THAT(revoked.out, HasSubstr("gw3 (never heard of)"));

    credentials_of(login("alice", "correct horse"));
    const Ran disabled = ca({"user", "disable", "alice", "--json"});
    ASSERT_EQ(disabled.exit_code, 0) << disabled.err;
    const json told = parse_json(disabled.out);
    EXPECT_EQ(told["certificates"], 1);
    EXPECT_TRUE(told["published_seconds"].is_number());
    ASSERT_EQ(told["gateways"].size(), 3U);
    EXPECT_EQ(told["gateways"][0]["name"], "gw1");
    EXPECT_EQ(told["gateways"][0]["in_force"], true);
    EXPECT_TRUE(told["gateways"][0]["seconds"].is_number());
    EXPECT_EQ(told["gateways"][1]["in_force"], false);
    EXPECT_TRUE(told["gateways"][1]["seconds"].is_null());
    EXPECT_TRUE(told["gateways"][2]["last_heard"].is_null());
}

TEST_F(CaReach, NobodyElseIsTakenForAGateway) {
    const auto alices = credentials_of(login("alice", "correct horse"));
    const auto after = [](std::uint64_t number) { return "/v1/crl/changes?after=" + std::to_string(number); };
    for (const auto& credentials : {std::optional<net::TlsCredentials>(), std::optional(alices),
                                    std::optional(enrol("--service", "orders-db"))}) {
        EXPECT_TRUE(client(credentials).get(after(1)));
    }
    EXPECT_TRUE(client(enrol("--gateway", "gw1")).get(after(7)));
    ASSERT_TRUE(eventually([&] { return !heard_of().empty(); }));
    EXPECT_EQ(heard_of(), std::vector<std::string>{"gw1"});
    EXPECT_EQ(store::gateway_lists(*database_).value().front().crl_number, 7U);
    // And a gateway is nobody who could renew or log out.
    EXPECT_EQ(code_of(renew(enrol("--gateway", "gw1"))), Code::no_certificate);
}

TEST_F(CaReach, ACommandThatDoesNotWaitSaysNothingOfGateways) {
    credentials_of(login("alice", "correct horse"));
    ASSERT_TRUE(store::note_gateway_lists(*database_, {{"gw2", 1, system_clock()()}}));
    const Ran revoked = ca({"cert", "revoke", "--user", "alice", "--no-wait"});
    EXPECT_EQ(revoked.exit_code, 0);
    EXPECT_THAT(revoked.out, Not(HasSubstr("gw2")));
    EXPECT_THAT(ca({"cert", "revoke", "--user", "alice"}).out, HasSubstr("nothing left to revoke"));
}

TEST_F(CaReach, WithoutAServiceTheCommandSaysThatNoListHasIt) {
    credentials_of(login("alice", "correct horse"));
    ASSERT_TRUE(store::note_gateway_lists(*database_, {{"gw2", 1, system_clock()()}}));
    service_.reset();
    const Ran revoked = ca({"cert", "revoke", "--user", "alice"});
    EXPECT_EQ(revoked.exit_code, 0);
    EXPECT_THAT(revoked.out, HasSubstr("Not yet at: gw2"));
    EXPECT_THAT(revoked.out, HasSubstr("see whether postern-ca serve runs"));
}

}  // namespace
}  // namespace postern::ca
