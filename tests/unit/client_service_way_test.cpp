// Whose word decides how a service is opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-proxy/agent/service_way.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using testing::HasSubstr;

OfferedService offer(const std::string& name, const std::string& protocol,
                     const std::string& gateway = "gw1") {
    return {name, protocol, protocol == "postgres" ? "end_to_end" : "passthrough", gateway, {}, {}};
}

class WayOfAService : public testing::Test {
protected:
    Outcome<ServiceWay> way(const std::string& service, std::optional<Mode> wanted = std::nullopt,
                            std::vector<OfferedService> offered = {}) const {
        return service_way(catalogue_, service, wanted, offered);
    }
    Catalogue catalogue_ = *catalogue_from_json(catalogue_json());
};

TEST_F(WayOfAService, IsTheCasWithAndWithoutAGatewayThatSaysTheSame) {
    for (const auto& offered : {std::vector<OfferedService>(), {offer("orders-db", "postgres")}}) {
        const auto found = way("orders-db", std::nullopt, offered);
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->mode, Mode::end_to_end);
        EXPECT_TRUE(found->is_postgres);
    }
    EXPECT_EQ(way("old-db")->mode, Mode::passthrough) << "the CA says so";
    EXPECT_TRUE(way("old-db")->is_postgres);
    EXPECT_EQ(way("cache", std::nullopt, {offer("cache", "tcp")})->mode, Mode::passthrough);
    EXPECT_FALSE(way("cache")->is_postgres);
}

TEST_F(WayOfAService, IsRefusedWhereAGatewaySaysThatPostgresIsNone) {
    for (const std::optional<Mode> wanted : {std::optional<Mode>(), std::optional(Mode::end_to_end)}) {
        const auto found = way("orders-db", wanted, {offer("orders-db", "tcp", "gw2")});
        ASSERT_FALSE(found.has_value());
        EXPECT_EQ(found.error().code, Code::wrong_server_identity);
        EXPECT_EQ(found.error().reason, kContradicted);
        EXPECT_THAT(found.error().message,
                    HasSubstr("the gateway gw2 says that orders-db is not PostgreSQL"));
        EXPECT_THAT(found.error().hint, testing::Not(HasSubstr("--passthrough")));
    }
    EXPECT_FALSE(way("cache", std::nullopt, {offer("cache", "postgres")}).has_value());
}

TEST_F(WayOfAService, IsRefusedWhereOneOfSeveralGatewaysContradicts) {
    const auto found =
        way("orders-db", std::nullopt, {offer("orders-db", "postgres"), offer("orders-db", "mysql", "gw2")});
    ASSERT_FALSE(found.has_value());
    EXPECT_THAT(found.error().message, HasSubstr("gw2"));
}

TEST_F(WayOfAService, IsAPersonsWordBeforeAnybodysWhenItPassesThrough) {
    const auto found = way("orders-db", Mode::passthrough, {offer("orders-db", "tcp")});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->mode, Mode::passthrough);
    EXPECT_TRUE(found->is_postgres) << "the CA's word";
    EXPECT_EQ(way("old-db", Mode::end_to_end)->mode, Mode::end_to_end);
}

TEST_F(WayOfAService, IsNotEndToEndForWhatIsNoPostgres) {
    const auto found = way("cache", Mode::end_to_end);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Code::config_invalid);
    EXPECT_THAT(found.error().hint, HasSubstr("postern connect --passthrough cache"));
}

TEST_F(WayOfAService, ThatTheCaDoesNotListIsPassedThroughOnAPersonsWordAlone) {
    for (const char* protocol : {"postgres", "tcp"}) {
        for (const std::optional<Mode> wanted : {std::optional<Mode>(), std::optional(Mode::end_to_end)}) {
            const auto refused = way("hidden", wanted, {offer("hidden", protocol)});
            ASSERT_FALSE(refused.has_value());
            EXPECT_EQ(refused.error().code, Code::policy_denied);
            EXPECT_EQ(refused.error().reason, kNotListed);
            EXPECT_THAT(refused.error().hint, HasSubstr("postern connect --passthrough hidden"));
        }
        const auto passed = way("hidden", Mode::passthrough, {offer("hidden", protocol)});
        ASSERT_TRUE(passed.has_value());
        EXPECT_EQ(passed->mode, Mode::passthrough);
        EXPECT_EQ(passed->is_postgres, std::string_view(protocol) == "postgres");
    }
}

TEST_F(WayOfAService, ThatIsASlipOfThePenNamesTheNearest) {
    EXPECT_THAT(way("order-db").error().message, HasSubstr("did you mean orders-db?"));
}

TEST_F(WayOfAService, IsEndToEndWhereNoCaSaysAnything) {
    catalogue_ = Catalogue();
    EXPECT_EQ(way("orders-db", std::nullopt, {offer("orders-db", "postgres")})->mode, Mode::end_to_end);
    const auto refused = way("orders-db", std::nullopt, {offer("orders-db", "tcp")});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().reason, kContradicted);
    EXPECT_THAT(refused.error().hint, HasSubstr("--passthrough orders-db"));
    EXPECT_EQ(way("orders-db", Mode::passthrough, {offer("orders-db", "tcp")})->mode, Mode::passthrough);
}

}  // namespace
}  // namespace postern::client
