// The CONNECT head.
#include <gtest/gtest.h>

#include "gateway/tunnel/tunnel_request.hpp"

namespace postern::gateway {
namespace {

constexpr const char* kId = "01934d5e-0000-7000-8000-000000000001";

TEST(TunnelRequestTest, ReadsServicePortAndFields) {
    const auto plain = parse_tunnel_request({"orders-db:5432", "", ""});
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->service, "orders-db");
    EXPECT_EQ(plain->port, 5432);
    EXPECT_EQ(plain->backend_start, BackendStart::none);
    EXPECT_TRUE(plain->cancel_of.empty());

    const auto full = parse_tunnel_request({"orders-db:1", "postgres-tls", kId});
    ASSERT_TRUE(full);
    EXPECT_EQ(full->backend_start, BackendStart::postgres_tls);
    EXPECT_EQ(full->cancel_of, kId);
}

TEST(TunnelRequestTest, ReadsWhatTheDesktopClaimsOfTheProgram) {
    const auto request =
        parse_tunnel_request({"orders-db:1", "", "", "pid=4711, uid=1000, program=/opt/my%20tool"});
    ASSERT_TRUE(request);
    ASSERT_TRUE(request->program);
    const auto json = request->program->to_json();
    EXPECT_EQ(json["process"]["pid"], 4711);
    EXPECT_EQ(json["process"]["executable"], "/opt/my tool");
    EXPECT_EQ(json["process"]["real_user"]["id"], "1000");
    EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "", ""})->program);
}

TEST(TunnelRequestTest, RefusesOtherClaims) {
    for (const std::string& claims :
         {std::string("psql"), std::string("pid=1"), std::string("pid=-1, uid=1, program=x"),
          std::string("pid=4294967296, uid=1, program=x"), std::string("pid=1, uid=1, program=%"),
          std::string("pid=1, uid=1, program=%zz"), std::string("pid=1, uid=1; program=x"),
          "pid=1, uid=1, program=" + std::string(257, 'x')}) {
        EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "", "", claims})) << claims;
    }
}

TEST(TunnelRequestTest, RefusesTargetsThatAreNoServiceAndPort) {
    for (const char* target :
         {"", ":", "orders-db", "orders-db:", ":5432", "orders-db:0", "orders-db:65536", "orders-db:-1",
          "orders-db:5432 ", "orders-db: 5432", "orders-db:54x", "[::1]:5432", "a b:1",
          "http://orders-db:5432", "orders/db:1", "orders-db:5432:1", "\xc3\xb6rders:1"}) {
        const auto request = parse_tunnel_request({target, "", ""});
        ASSERT_FALSE(request) << target;
        EXPECT_EQ(request.error().code, Code::malformed_request);
    }
}

TEST(TunnelRequestTest, RefusesFieldsThatItDoesNotKnow) {
    EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "postgres", ""}));
    EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "postgres-tls, postgres-tls", ""}));
    EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "", "42"}));
    EXPECT_FALSE(parse_tunnel_request({"orders-db:1", "", "01934D5E-0000-7000-8000-000000000001"}));
}

}  // namespace
}  // namespace postern::gateway
