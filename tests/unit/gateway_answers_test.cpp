// What the gateway says over HTTP, and the records that it makes.
#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "gateway/tunnel/answers.hpp"
#include "gateway/tunnel/records.hpp"

namespace postern::gateway {
namespace {

using testing::HasSubstr;

constexpr std::array kRefusals{Code::expired,
                               Code::not_yet_valid,
                               Code::malformed_certificate,
                               Code::revoked,
                               Code::user_disabled,
                               Code::session_ended,
                               Code::crl_stale,
                               Code::policy_denied,
                               Code::unknown_service,
                               Code::malformed_request,
                               Code::request_too_large,
                               Code::limit_reached,
                               Code::timed_out,
                               Code::backend_unreachable,
                               Code::backend_timed_out,
                               Code::backend_refused_tls,
                               Code::shutting_down,
                               Code::audit_unavailable,
                               Code::not_found,
                               Code::internal};

TEST(Answers, EveryRefusalNamesCauseNextStepAndConnection) {
    for (const Code code : kRefusals) {
        const http::Problem problem = problem_of(code, RefusalSubject{"alice", "orders-db", "the-id"});
        EXPECT_FALSE(problem.title.empty()) << name(code);
        EXPECT_FALSE(problem.hint.empty()) << name(code);
        const http::Response response = refusal(problem, "gw1");
        EXPECT_GE(response.result_int(), 400U);
        const std::string status(response["Proxy-Status"]);
        EXPECT_THAT(status, HasSubstr("\"gw1\"; error="));
        EXPECT_THAT(status, HasSubstr(std::string(name(code))));
        EXPECT_EQ(response["Postern-Connection"], "the-id");
        const auto read = http::problem_from_json(response.body());
        ASSERT_TRUE(read);
        EXPECT_EQ(read->code, code);
        EXPECT_EQ(read->connection_id, "the-id");
    }
}

TEST(Answers, ServicesListsOnlyWhatTheIdentityMayUse) {
    const std::vector<Rule> rules{Rule{{"orders-db"}, {}, {"analysts"}}, Rule{{"secret-db"}, {"bob"}, {}}};
    const Policy policy =
        Policy::make(
            {Service{"orders-db", {"h", "1"}, Protocol::postgres, Mode::end_to_end, "Orders", "orders"},
             Service{"secret-db", {"h", "1"}, Protocol::postgres, Mode::end_to_end}},
            rules)
            .value();
    Identity alice;
    alice.login.name = "alice";
    alice.login.groups = {"analysts"};
    const auto document = parse_json(services_answer(policy, alice).body());
    ASSERT_EQ(document["services"].size(), 1U);
    EXPECT_EQ(document["services"][0]["name"], "orders-db");
    EXPECT_EQ(document["services"][0]["mode"], "end_to_end");
    EXPECT_EQ(document["services"][0]["protocol"], "postgres");
    EXPECT_EQ(document["services"][0]["description"], "Orders");
    EXPECT_EQ(document["services"][0]["database"], "orders");
    EXPECT_EQ(document["identity"]["name"], "alice");
    EXPECT_EQ(document["identity"]["groups"], nlohmann::json({"analysts"}));
    EXPECT_TRUE(document["identity"]["not_after"].is_string());
}

TEST(Answers, AConnectionTellsWhyItWasCutAndNothingWhenItWasNot) {
    ConnectionEntry entry{"alice", "orders-db", "192.0.2.1", 5432, true, {}};
    EXPECT_EQ(parse_json(connection_answer("the-id", entry).body()),
              nlohmann::json({{"id", "the-id"}, {"state", "open"}}));
    entry.is_open = false;
    entry.reason = Code::revoked;
    const auto closed = parse_json(connection_answer("the-id", entry).body());
    EXPECT_EQ(closed["state"], "closed");
    EXPECT_EQ(closed["reason"], "revoked");
    EXPECT_THAT(closed["message"].get<std::string>(), HasSubstr("revoked"));
}

TEST(Records, ACutTunnelWasClosedByTheGatewayForTheReason) {
    net::RelayEnd relay;
    relay.bytes_a_to_b = 10;
    relay.bytes_b_to_a = 20;
    relay.ended_by = net::Side::a;
    relay.failure = Failure{Code::cancelled, {}};
    const TunnelEnd cut = tunnel_end(relay, Code::revoked);
    EXPECT_EQ(cut.closed_by, "gateway");
    EXPECT_EQ(cut.reason, Code::revoked);
    const audit::Record record = closed_record("the-id", {"192.0.2.1", 5}, cut);
    EXPECT_FALSE(record.is_success);
    EXPECT_EQ(record.bytes_from_client, 10U);
    EXPECT_EQ(record.bytes_from_backend, 20U);
}

TEST(Records, ATunnelThatOneSideEndedSaysWhich) {
    net::RelayEnd relay;
    relay.ended_by = net::Side::b;
    EXPECT_EQ(tunnel_end(relay, std::nullopt).closed_by, "backend");
    EXPECT_FALSE(tunnel_end(relay, std::nullopt).reason);
    relay.ended_by = net::Side::a;
    EXPECT_EQ(tunnel_end(relay, std::nullopt).closed_by, "client");
    relay.failure = Failure{Code::timed_out, {}};
    EXPECT_EQ(tunnel_end(relay, std::nullopt).closed_by, "gateway");
}

}  // namespace
}  // namespace postern::gateway
