#include <chrono>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-proxy/tunnel/cancel_map.hpp"
#include "client-proxy/tunnel/gateway_choice.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "support/silent_backend.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

TEST(CancelMap, FindsTheSessionOfAKey) {
    CancelMap map;
    const auto entry = map.add("orders-db", "key1", {{"gw1", "h:1"}, "id-1"});
    const auto other = map.add("orders-db", "key2", {{"gw2", "h:2"}, "id-2"});
    ASSERT_TRUE(map.find("orders-db", "key1").has_value());
    EXPECT_EQ(map.find("orders-db", "key1")->connection_id, "id-1");
    EXPECT_EQ(map.find("orders-db", "key2")->gateway.name, "gw2");
}

TEST(CancelMap, KnowsNoKeyOfAnotherServiceOrOfAnEndedSession) {
    CancelMap map;
    {
        const auto entry = map.add("orders-db", "key", {{}, "id"});
        EXPECT_FALSE(map.find("other-db", "key").has_value());
        EXPECT_FALSE(map.find("orders-db", "kez").has_value());
    }
    EXPECT_FALSE(map.find("orders-db", "key").has_value());
    EXPECT_EQ(map.size(), 0U);
}

TEST(CancelMap, MeansTheNewerOfTwoSessionsWithOneKey) {
    CancelMap map;
    auto older = map.add("orders-db", "key", {{}, "older"});
    const auto newer = map.add("orders-db", "key", {{}, "newer"});
    older = CancelMap::Entry();
    ASSERT_TRUE(map.find("orders-db", "key").has_value());
    EXPECT_EQ(map.find("orders-db", "key")->connection_id, "newer");
}

TEST(GatewayChoice, TriesTheOneThatWorkedFirst) {
    Catalogue catalogue;
    catalogue.gateways = {{"gw1", "a:1"}, {"gw2", "b:1"}, {"gw3", "c:1"}};
    GatewayChoice choice;
    const GatewayChoice::Time now{};
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[0].name, "gw1");
    choice.worked("orders-db", "gw2");
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[0].name, "gw2");
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[1].name, "gw1");
    EXPECT_EQ(choice.order("other-db", catalogue, now)[0].name, "gw1");
}

TEST(GatewayChoice, TriesOneThatFailedLastForAWhile) {
    Catalogue catalogue;
    catalogue.gateways = {{"gw1", "a:1"}, {"gw2", "b:1"}, {"gw3", "c:1"}};
    GatewayChoice choice;
    const GatewayChoice::Time now{};
    choice.worked("orders-db", "gw2");
    choice.failed("gw2", now);
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[0].name, "gw1");
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[2].name, "gw2");
    EXPECT_EQ(choice.order("orders-db", catalogue, now + GatewayChoice::kShunned)[0].name, "gw2");
    choice.forget_failures();
    EXPECT_EQ(choice.order("orders-db", catalogue, now)[0].name, "gw2");
    choice.failed("gw1", now);
    choice.worked("other-db", "gw1");
    EXPECT_EQ(choice.order("other-db", catalogue, now)[0].name, "gw1");
}

TEST(GatewayChoice, AsksNoOtherAfterAVerdict) {
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::unreachable));
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::unknown_service));
    // A gateway that can let nobody in is not to keep everybody from one that can.
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::crl_stale));
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::audit_unavailable));
    for (const Code code : {Code::policy_denied, Code::revoked, Code::expired, Code::backend_unreachable,
                            Code::wrong_server_identity, Code::limit_reached}) {
        EXPECT_FALSE(GatewayChoice::may_try_another(code)) << name(code);
    }
}

TEST(OfferedServices, AreRead) {
    const auto services = offered_services_from_json(
        R"({"services":[{"name":"orders-db","protocol":"postgres","mode":"end_to_end"}],"identity":{}})",
        "gw1");
    ASSERT_TRUE(services.has_value());
    EXPECT_EQ((*services)[0].name, "orders-db");
    EXPECT_EQ((*services)[0].gateway, "gw1");
    EXPECT_EQ((*services)[0].database, "");
    const auto named = offered_services_from_json(
        R"({"services":[{"name":"a","protocol":"postgres","mode":"end_to_end","database":"orders"},
                        {"name":"b","protocol":"postgres","mode":"end_to_end","database":"x\ndbname=y"},
                        {"name":"c","protocol":"postgres","mode":"end_to_end","database":"sredro\u202e"}]})",
        "gw1");
    ASSERT_TRUE(named.has_value());
    EXPECT_EQ((*named)[0].database, "orders");
    EXPECT_EQ((*named)[1].database, "") << "it goes into commands that people paste";
    EXPECT_EQ((*named)[2].database, "") << "they look like what they are";
}

TEST(OfferedServices, AreAskedOfAllGatewaysAtOnce) {
    const People people;
    const test::SilentBackend silent;
    Catalogue catalogue;
    for (const char* name : {"gw1", "gw2", "gw3", "gw4"}) {
        catalogue.gateways.push_back({name, "127.0.0.1:" + std::to_string(silent.port())});
    }
    const auto login = Login::make(people.login(now() + 50min)->credentials(), people.servers.bundle,
                                   "example.org", catalogue)
                           .value();
    boost::asio::io_context loop(1);
    auto asked = boost::asio::co_spawn(loop, fetch_services(login, 1s), boost::asio::use_future);
    const auto began = std::chrono::steady_clock::now();
    loop.run();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3s) << "one after another they take four";
    const auto offered = asked.get();
    ASSERT_FALSE(offered.has_value());
    EXPECT_EQ(offered.error().code, Code::timed_out);
}

TEST(OfferedServices, RefuseWhatIsNoList) {
    for (const char* text : {"", "{}", R"({"services":{}})", R"({"services":[{"name":"a"}]})",
                             R"({"services":[{"name":"a b","protocol":"tcp","mode":"passthrough"}]})"}) {
        EXPECT_FALSE(offered_services_from_json(text, "gw1").has_value()) << text;
    }
}

}  // namespace
}  // namespace postern::client
