#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason.hpp"
#include "client-proxy/commands/doctor_agent.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/tunnel/dialer.hpp"
#include "postgres/error_response.hpp"
#include "postgres/wire.hpp"
#include "support/middleman.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

TEST(FirstContact, LogsInAtNoMiddleman) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto ours = test::make_authority("Server CA", now());
    const auto pin = ca_api::Fingerprint::of(ours.root.certificate);
    for (test::Disguise& disguise : test::disguises(ours.root.certificate, ours.issuing.certificate)) {
        const test::Middleman middleman(ours.root.certificate, disguise.own, disguise.shown);
        auto ca = CaClient::make_pinned(middleman.url(), pin);
        ASSERT_TRUE(ca) << disguise.name;
        std::vector<std::pair<std::string, Secret>> fields;
        fields.emplace_back("password", Secret(std::string_view("secret")));
        const auto answer = ca->login("password", fields, pki::PrivateKey::generate_p256().value());
        ASSERT_FALSE(answer) << disguise.name;
        EXPECT_EQ(answer.error().code, Code::unknown_issuer) << disguise.name;
        EXPECT_EQ(middleman.secrets(), 0) << disguise.name;
    }
}

// A clock that is behind is no CA that was set up anew.
TEST(Doctor, TellsAnotherRootFromTheRightOneThatThisMachinesClockTakesForInvalid) {
    const auto ours = test::make_authority("Server CA", now());
    const auto theirs = test::make_authority("Server CA", now());
    const std::string pin = "sha256:" + ours.root.certificate.fingerprint();
    const std::vector<pki::Certificate> shown{ours.root.certificate, ours.issuing.certificate};
    for (const auto off : {-48h, 0h, 24h * 365 * 50}) {
        DiagnosticReport report;
        judge_root(report, shown, pin, now() + off);
        EXPECT_EQ(report.findings().at(0).state, Finding::State::good) << off.count();
        EXPECT_THAT(report.findings().at(0).detail, HasSubstr(pin));
    }
    DiagnosticReport report;
    judge_root(report, {theirs.root.certificate, theirs.issuing.certificate}, pin, now());
    EXPECT_EQ(report.findings().at(0).state, Finding::State::bad);
    EXPECT_THAT(report.findings().at(0).remedy, HasSubstr("somebody may be in between"));
}

TEST(FirstContact, IsRefusedWhenNoRootHasTheFingerprint) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto ours = test::make_authority("Server CA", now());
    const auto theirs = test::make_authority("Server CA", now());
    const test::Middleman middleman(theirs.root.certificate, theirs.issuing, {});
    const auto refused =
        CaClient::make_pinned(middleman.url(), ca_api::Fingerprint::of(ours.root.certificate));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unknown_issuer);
    EXPECT_THAT(refused.error().message, HasSubstr(ours.root.certificate.fingerprint()));
}

test::OddProfile server(std::vector<std::string> uris, std::vector<std::string> names) {
    test::OddProfile made;
    made.common_name = "server";
    made.uris = std::move(uris);
    made.names = std::move(names);
    made.not_before = now() - 1min;
    made.not_after = now() + 1h;
    made.usage = test::Usage::server_auth;
    return made;
}

class DatabaseIdentity : public testing::Test {
protected:
    Result<void> check(const test::OddProfile& profile, const ServiceEntry& service) {
        const auto minted = test::mint(profile, authority_.issuing);
        EXPECT_TRUE(minted.has_value());
        return check_database_identity(minted->certificate, "example.org", service);
    }
    test::Authority authority_ = test::make_authority("Server CA", now());
};

TEST_F(DatabaseIdentity, IsThatOfTheService) {
    EXPECT_TRUE(
        check(server({"spiffe://example.org/service/orders-db"}, {}), {"orders-db", "", false}).has_value());
}

TEST_F(DatabaseIdentity, IsThatOfEachServiceOfOnePostgresServer) {
    const auto both =
        server({"spiffe://example.org/service/orders-db", "spiffe://example.org/service/billing-db"}, {});
    EXPECT_TRUE(check(both, {"orders-db", "", false}));
    EXPECT_TRUE(check(both, {"billing-db", "", false}));
    EXPECT_TRUE(check(both, {"billing-db", "db.example.org", false})) << "ours, whatever the catalogue names";
    EXPECT_FALSE(check(both, {"hr-db", "", false}));
    EXPECT_FALSE(check(both, {"hr-db", "db.example.org", false}));
    EXPECT_FALSE(
        check(server({"spiffe://example.org/service/orders-db", "spiffe://example.org/gateway/gw1"}, {}),
              {"orders-db", "", false}));
}

TEST_F(DatabaseIdentity, IsNotThatOfAnythingElse) {
    for (const char* uri : {"spiffe://example.org/service/other-db", "spiffe://example.org/gateway/orders-db",
                            "spiffe://example.org/ca/orders-db", "spiffe://example.com/service/orders-db"}) {
        EXPECT_FALSE(check(server({uri}, {"orders-db"}), {"orders-db", "", false}).has_value()) << uri;
    }
    EXPECT_FALSE(check(server({}, {"orders-db"}), {"orders-db", "", false}).has_value());
}

TEST_F(DatabaseIdentity, OfAForeignCertificateIsTheDnsNameOfTheCatalogue) {
    const ServiceEntry service{"old-db", "db.example.org", false};
    EXPECT_TRUE(check(server({}, {"db.example.org"}), service).has_value());
    EXPECT_FALSE(check(server({}, {"other.example.org"}), service).has_value());
    EXPECT_FALSE(check(server({}, {}), service).has_value());
}

TEST_F(DatabaseIdentity, IsNotThatOfAGatewayOnTheDatabasesHost) {
    const ServiceEntry service{"old-db", "db.example.org", false};
    EXPECT_FALSE(
        check(server({"spiffe://example.org/gateway/gw1"}, {"db.example.org"}), service).has_value());
    EXPECT_TRUE(
        check(server({"spiffe://example.org/service/old-db"}, {"db.example.org"}), service).has_value());
}

// What a person is told ------------------------------------------------------------------------------

TEST(Refusal, NamesCauseAndNextStepForEveryVerdictOnTheCertificate) {
    for (const Code code : {Code::no_certificate, Code::expired, Code::not_yet_valid, Code::unknown_issuer,
                            Code::self_signed, Code::wrong_purpose, Code::malformed_certificate,
                            Code::revoked, Code::user_disabled, Code::session_ended}) {
        const auto refusal = gateway_verdict(Failure{code, "secret detail"}, "gw1");
        EXPECT_THAT(refusal.message, HasSubstr("gw1"));
        EXPECT_NE(refusal.hint, "");
        EXPECT_EQ(refusal.message.find("secret"), std::string::npos);
        EXPECT_EQ(refusal.code, code);
    }
}

TEST(Refusal, BecomesAnErrorResponse) {
    const Refusal refusal{Code::policy_denied, "alice may not use orders-db", "Ask for it.", "0193"};
    const auto bytes = to_error_response(refusal);
    const auto fields = postgres::parse_error_response(postgres::as_bytes(bytes));
    ASSERT_TRUE(fields.has_value());
    EXPECT_EQ(fields->sqlstate, "42501");
    EXPECT_EQ(fields->message, refusal.message);
    EXPECT_THAT(fields->detail, HasSubstr("0193"));
}

TEST(Refusal, SpeaksAsPostgresDoes) {
    EXPECT_EQ(as_message("The gateway is full."), "the gateway is full");
    EXPECT_EQ(as_message("A limit was reached"), "a limit was reached");
    EXPECT_EQ(as_message("TLS failed"), "TLS failed");
    EXPECT_EQ(as_message(""), "");
}

TEST(Refusal, HasAnExitCodeThatMeansSomething) {
    EXPECT_EQ(reason_of(Code::unauthenticated).exit_code, 4);
    EXPECT_EQ(reason_of(Code::unreachable).exit_code, 5);
    EXPECT_EQ(reason_of(Code::config_invalid).exit_code, 3);
    EXPECT_EQ(reason_of(Code::internal).exit_code, 1);
}

/// The three who are told of in the same way.
std::vector<Refusal> refusals(const Failure& failure) {
    return {gateway_refusal(failure, "gw1"), ca_refusal(failure, "https://ca.example.org"),
            server_refusal(failure, "orders-db")};
}

TEST(Refusal, DoesNotBlameTrustForWhatHappensBeforeThereIsACertificate) {
    for (const Code code : {Code::end_of_stream, Code::not_tls, Code::tls_failed, Code::tls_version,
                            Code::timed_out, Code::cancelled}) {
        for (const auto& refusal : refusals({code, {}})) {
            EXPECT_THAT(refusal.message, testing::Not(HasSubstr("trusted"))) << name(code);
            EXPECT_THAT(refusal.hint, testing::Not(HasSubstr("Do not go on"))) << name(code);
            EXPECT_NE(refusal.hint, "") << name(code);
        }
    }
    const auto closed = gateway_refusal({Code::end_of_stream, {}}, "gw1");
    EXPECT_EQ(closed.message, "TLS with the gateway gw1 did not come up: it closed the connection");
    EXPECT_THAT(closed.hint, HasSubstr("load balancer"));
    EXPECT_EQ(reason_of(closed.code).exit_code, 5);
}

TEST(Refusal, BlamesTrustForACertificateThatIsWrong) {
    for (const Code code :
         {Code::unknown_issuer, Code::self_signed, Code::wrong_purpose, Code::malformed_certificate,
          Code::wrong_server_identity, Code::expired, Code::not_yet_valid}) {
        for (const auto& refusal : refusals({code, {}})) {
            EXPECT_THAT(refusal.message, HasSubstr("cannot be trusted")) << name(code);
        }
    }
    EXPECT_THAT(gateway_refusal({Code::unknown_issuer, {}}, "gw1").hint, HasSubstr("Do not go on"));
}

TEST(Refusal, TellsOwnExhaustionAsOnesOwn) {
    const Failure own{Code::out_of_resources,
                      "gw1:7443: this process has no file descriptors left (its limit is 64)"};
    auto all = refusals(own);
    all.push_back(local_refusal(own));
    for (const auto& refusal : all) {
        EXPECT_THAT(refusal.message, HasSubstr("no file descriptors left (its limit is 64)"));
        EXPECT_THAT(refusal.hint, HasSubstr("ulimit -n"));
        EXPECT_THAT(refusal.message, testing::Not(HasSubstr("cannot be reached")));
    }
}

}  // namespace
}  // namespace postern::client
