// What must always work, while 2,400 connections of strangers flood one end point after another, from one address,
// from 64, and from the very address of those who are to be served: a revocation cuts within two seconds, a renewal
// takes less than one, a login less than two.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "pki/csr.hpp"
#include "pki/key.hpp"
#include "pki/pem.hpp"
#include "support/flood.hpp"
#include "support/stack.hpp"
#include "support/swarm.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kConnections = 2400;

/// Where the flood goes, and what it says there.
struct Target {
    const char* name;
    bool is_gateway;
    bool has_tls;
    const char* method;
    const char* path;
    const char* body;
};

void PrintTo(const Target& target, std::ostream* out) {
    *out << target.name;
}

constexpr Target kTargets[] = {
    {"Login", false, true, "POST", "/v1/login", R"({"username":"guest@","password":"a wrong guess","csr":"CSR"})"},
    {"Enrolment", false, true, "POST", "/v1/enroll", R"({"token":"made up @","csr":"CSR"})"},
    {"Renewal", false, true, "POST", "/v1/renew", R"({"csr":"CSR"})"},
    {"Logout", false, true, "POST", "/v1/logout", "{}"},
    {"Trust", false, true, "GET", "/v1/trust", ""},
    {"Crl", false, true, "GET", "/v1/crl", ""},
    {"Health", false, true, "GET", "/v1/health", ""},
    {"LoginMethods", false, true, "GET", "/v1/login-methods", ""},
    {"Handshakes", false, true, "", "", ""},
    {"Silence", false, false, "", "", ""},
    {"GatewayRequests", true, true, "GET", "/v1/services", ""},
    {"GatewayHandshakes", true, true, "", "", ""},
    {"GatewaySilence", true, false, "", "", ""},
};

/// From where it comes.
struct Origin {
    const char* name;
    std::uint32_t first_address;
    int addresses;
};

void PrintTo(const Origin& origin, std::ostream* out) {
    *out << origin.name;
}

constexpr std::uint32_t kSomewhereElse = 0x7f000101;
constexpr Origin kOrigins[] = {{"From1Address", kSomewhereElse, 1},
                               {"From64Addresses", kSomewhereElse, 64},
                               {"FromTheSameAddress", kOwnAddress, 1}};

class FloodOf : public testing::TestWithParam<std::tuple<Target, Origin>> {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        bob_ = std::make_unique<Laptop>(*stack_, "bob");
        ASSERT_EQ(alice_->login().exit_code, 0);
        ASSERT_EQ(bob_->login().exit_code, 0);
        agent_ = std::make_unique<Agent>(*bob_);
        csr_ = pki::make_csr_pem(pki::PrivateKey::generate_p256().value(), "guest").value();
    }
    static void TearDownTestSuite() {
        agent_.reset();
        bob_.reset();
        alice_.reset();
        stack_.reset();
    }

    static std::unique_ptr<Flood> flood(const Target& target, const Origin& origin, SSL_CTX* tls) {
        const int ca_port = std::stoi(stack_->ca_url().substr(stack_->ca_url().rfind(':') + 1));
        Flood::Options options;
        options.port = target.is_gateway ? stack_->gateway_port() : ca_port;
        options.connections = kConnections;
        options.first_address = origin.first_address;
        options.addresses = origin.addresses;
        options.tls = target.has_tls ? tls : nullptr;
        // Who reads no answer before the next question costs the server more than themselves.
        options.at_once = 8;
        if (*target.method != '\0') {
            options.words = [target](int i) {
                std::string body = target.body;
                if (const auto at = body.find("CSR"); at != std::string::npos) {
                    const std::string quoted = nlohmann::json(csr_).dump();
                    body.replace(at - 1, 5, quoted);
                }
                if (const auto at = body.find('@'); at != std::string::npos) {
                    body.replace(at, 1, std::to_string(i));
                }
                return fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                                   target.method, target.path, body.size(), body);
            };
        }
        return std::make_unique<Flood>(std::move(options));
    }

    /// Of a login that is there already, on a new connection.
    static void expect_a_quick_renewal() {
        const auto certificate = content_of(alice_->certificate());
        http::ClientOptions options;
        options.url = stack_->ca_url();
        options.server_ca = pki::TrustBundle::load(stack_->server_ca()).value();
        options.trust_domain = "example.org";
        auto key = pki::PrivateKey::from_pem(content_of(alice_->key())).value();
        const std::string csr = pki::make_csr_pem(key, "alice").value();
        options.credentials =
            net::TlsCredentials{std::move(key), pki::certificates_from_pem(certificate).value()};
        const auto began = Clock::now();
        auto client = http::Client::make(std::move(options)).value();
        const auto answer = client.post_json("/v1/renew", nlohmann::json{{"csr", csr}}.dump());
        const auto took = Clock::now() - began;
        ASSERT_TRUE(answer.has_value()) << answer.error().detail;
        EXPECT_EQ(answer.value().status, 200U) << answer.value().body;
        EXPECT_LT(took, 1s) << "renewal";
        note("renewal", took);
    }
    static void expect_a_quick_login() {
        const auto began = Clock::now();
        const ProcessResult login = alice_->login();
        const auto took = Clock::now() - began;
        EXPECT_EQ(login.exit_code, 0) << login.err;
        EXPECT_LT(took, 2s) << "login";
        note("login", took);
    }
    static void expect_a_quick_cut(Process& query) {
        const auto began = Clock::now();
        stack_->ca_command({"cert", "revoke", "--user", "bob"});
        EXPECT_TRUE(query.wait(20s)) << "psql goes on";
        const auto took = Clock::now() - began;
        EXPECT_LT(took, 2s) << "cut";
        note("cut", took);
    }
    static void note(const char* what, Clock::duration took) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
        std::string key = fmt::format("{}_ms", what);
        worst_[key] = std::max<long>(worst_[key], ms);
        RecordProperty(key, std::to_string(worst_[key]));
        fmt::print("{} {} ms\n", what, ms);
    }
    void SetUp() override { worst_.clear(); }

    static inline std::unique_ptr<Stack> stack_;
    static inline std::unique_ptr<Laptop> alice_;
    static inline std::unique_ptr<Laptop> bob_;
    static inline std::unique_ptr<Agent> agent_;
    static inline std::string csr_;
    static inline std::map<std::string, long> worst_;
};

TEST_P(FloodOf, HoldsUpNeitherARevocationNorARenewalNorALogin) {
    const auto& [target, origin] = GetParam();
    ASSERT_EQ(bob_->login().exit_code, 0);
    Process query({"psql", "-X", "-h", "localhost", "-p", std::to_string(agent_->port()), "-U", "bob", "-d",
                   "orders", "-Atc", "select 'running'", "-c", "select pg_sleep(300)"},
                  [] {
                      ProcessOptions options;
                      options.environment = {{"PGPASSWORD", "bob-password"}, {"PGSSLMODE", ""}};
                      return options;
                  }());
    query.wait_for_out("running");

    const pki::SslCtxPtr tls = careless_client();
    const auto flooding = flood(target, origin, tls.get());
    // All of them are there and, where anybody answers, have been answered.
    const bool is_answered = *target.method != '\0' && !target.is_gateway;
    ASSERT_TRUE(eventually(
        [&] {
            return flooding->connects() >= kConnections &&
                   (!is_answered || flooding->answers() >= kConnections);
        },
        60s))
        << flooding->connects() << " connects, " << flooding->answers() << " answers";
    for (int i = 0; i < 3; ++i) {
        expect_a_quick_renewal();
        expect_a_quick_login();
    }
    expect_a_quick_cut(query);
    fmt::print("{} connects, {} handshakes, {} answers, {} open\n", flooding->connects(),
               flooding->handshakes(), flooding->answers(), flooding->open());
}

std::string name_of(const testing::TestParamInfo<std::tuple<Target, Origin>>& tested) {
    const auto& [target, origin] = tested.param;
    return fmt::format("{}{}", target.name, origin.name);
}

INSTANTIATE_TEST_SUITE_P(Strangers, FloodOf,
                         testing::Combine(testing::ValuesIn(kTargets), testing::ValuesIn(kOrigins)), name_of);

}  // namespace
}  // namespace postern::test
