// The configuration file: what it gives, and what it refuses and says.
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/policy/settings.hpp"
#include "gateway/commands/shared_backends.hpp"
#include "unit/setting_rubbish.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kLeast = R"(
[gateway]
name = "gw1"
[tls]
certificate = "gateway.pem"
key = "gateway.key"
user_ca = "user-ca.pem"
[ca]
url = "https://ca.example.org:7444"
server_ca = "server-ca.pem"
trust_domain = "example.org"
[audit]
file = "audit.jsonl"
key = "audit.key"
)";

Result<Settings> parse(const std::string& more) {
    return Settings::parse(kLeast + more, "/etc/postern/gateway.toml");
}

std::string complaint(const std::string& more) {
    const auto settings = parse(more);
    EXPECT_FALSE(settings);
    EXPECT_TRUE(settings || settings.error().code == Code::config_invalid);
    return settings ? std::string() : settings.error().detail;
}

TEST(GatewaySettings, AServiceSaysWhatItIsAndWhichDatabaseInOneLineEach) {
    const std::string service = "[[service]]\nname = \"orders-db\"\nbackend = \"db:5432\"\n";
    const auto settings = parse(service + "description = \"Orders, since 2019\"\ndatabase = \"orders\"\n");
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_EQ(settings->policy.services()[0].description, "Orders, since 2019");
    EXPECT_EQ(settings->policy.services()[0].database, "orders");
    EXPECT_THAT(complaint(service + "database = \"a\\nb\"\n"), HasSubstr("one line"));
    EXPECT_THAT(complaint(service + "database = \"" + std::string(64, 'x') + "\"\n"), HasSubstr("63 bytes"));
}

TEST(GatewaySettings, TheLeastFileGivesTheDefaults) {
    const auto settings = parse("");
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_EQ(settings->name, "gw1");
    ASSERT_EQ(settings->listen.size(), 1U);
    EXPECT_EQ(settings->listen[0].text(), "0.0.0.0:7443");
    EXPECT_EQ(settings->certificate, "/etc/postern/gateway.pem");
    EXPECT_EQ(settings->crl_refresh, 1s);
    EXPECT_EQ(settings->offline_grace, 0s);
    EXPECT_EQ(settings->expiry_grace, 0s);
    EXPECT_EQ(settings->drain_timeout, 30s);
    EXPECT_EQ(settings->limits.connections, 16384U);
    EXPECT_EQ(settings->limits.handshake_timeout, 10s);
    EXPECT_EQ(settings->limits.backend_timeout, 5s);
    EXPECT_EQ(settings->limits.warm_per_identity, 64U);
    EXPECT_EQ(settings->limits.warm_timeout, 10min);
    EXPECT_EQ(settings->audit.durability, audit::Durability::write);
    EXPECT_FALSE(settings->crl_file);
    EXPECT_TRUE(settings->policy.services().empty());
}

TEST(GatewaySettings, ReadsServicesAndRules) {
    const auto settings = parse(R"(
[[service]]
name = "orders-db"
backend = "db1.example.org:5432"
[[service]]
name = "cache"
backend = "[::1]:6379"
protocol = "tcp"
[[rule]]
services = ["orders-db", "cache"]
users = ["alice", "alice+test@example.org"]
groups = ["analysts"]
)");
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_TRUE(settings->policy.allows("cache", "alice+test@example.org", {}));
    const Service* orders = settings->policy.find("orders-db");
    ASSERT_NE(orders, nullptr);
    EXPECT_EQ(orders->backend.text(), "db1.example.org:5432");
    EXPECT_EQ(orders->protocol, Protocol::postgres);
    EXPECT_EQ(orders->mode, Mode::end_to_end);
    EXPECT_EQ(settings->policy.find("cache")->mode, Mode::passthrough);
    EXPECT_TRUE(settings->policy.allows("cache", "alice", {}));
    EXPECT_FALSE(settings->policy.allows("cache", "bob", {}));
    const std::vector<std::string> groups{"analysts"};
    EXPECT_TRUE(settings->policy.allows("orders-db", "bob", groups));
    // What the record of an acceptance says.
    EXPECT_EQ(settings->policy.allowed_as("cache", "alice", groups), "user alice");
    EXPECT_EQ(settings->policy.allowed_as("orders-db", "bob", groups), "group analysts");
    EXPECT_EQ(settings->policy.allowed_as("orders-db", "bob", {}), "");
    EXPECT_EQ(settings->policy.allowed_as("absent", "alice", groups), "");
}

TEST(GatewaySettings, NamesTheLineAndTheNearestKey) {
    const auto settings =
        Settings::parse("[gateway]\nname = \"gw1\"\nlisen = [\"0.0.0.0:1\"]\n", "gateway.toml");
    ASSERT_FALSE(settings);
    EXPECT_THAT(settings.error().detail, HasSubstr("gateway.toml:3"));
    EXPECT_THAT(settings.error().detail, HasSubstr("listen"));
    // Every problem at once.
    EXPECT_THAT(settings.error().detail, HasSubstr("certificate"));
    EXPECT_THAT(settings.error().detail, HasSubstr("trust_domain"));
}

TEST(GatewaySettings, RefusesWhatIsNoAddressNameOrNumber) {
    EXPECT_THAT(complaint("[[service]]\nname = \"a b\"\nbackend = \"h:1\"\n"), HasSubstr("name"));
    EXPECT_THAT(complaint("[[service]]\nname = \"db\"\nbackend = \"nowhere\"\n"), HasSubstr("nowhere"));
    EXPECT_THAT(complaint("[[service]]\nname = \"db\"\nbackend = \"h:0\"\n"), HasSubstr("h:0"));
    EXPECT_THAT(complaint("[[service]]\nname = \"db\"\nbackend = \"h:1\"\nprotocol = \"mysql\"\n"),
                HasSubstr("postgres"));
    EXPECT_THAT(complaint("[[service]]\nname = \"db\"\nbackend = \"h:1\"\nprotocol = \"tcp\"\nmode = "
                          "\"end_to_end\"\n"),
                HasSubstr("end_to_end"));
    EXPECT_THAT(complaint("[limits]\npending = 0\n"), HasSubstr("pending"));
    EXPECT_THAT(complaint("[health]\nlisten = \"balancer:9080\"\n"), HasSubstr("127.0.0.1:9080"));
    EXPECT_THAT(complaint("[health]\nlisten = \"unix:/run/x\"\n"), HasSubstr("127.0.0.1:9080"));
    EXPECT_THAT(complaint("[health]\nport = 1\n"), HasSubstr("port"));
    EXPECT_THAT(complaint("[limits]\nhandshake_timeout = \"0s\"\n"), HasSubstr("handshake_timeout"));
}

TEST(GatewaySettings, RefusesRulesThatCannotMeanWhatTheySay) {
    const std::string service = "[[service]]\nname = \"db\"\nbackend = \"h:1\"\n";
    EXPECT_THAT(complaint(service + "[[rule]]\nservices = [\"bd\"]\nusers = [\"alice\"]\n"),
                HasSubstr("'bd'"));
    EXPECT_THAT(complaint(service + "[[rule]]\nservices = [\"db\"]\n"), HasSubstr("nobody"));
    EXPECT_THAT(complaint(service + "[[rule]]\nusers = [\"alice\"]\n"), HasSubstr("services"));
    EXPECT_THAT(complaint(service + "[[rule]]\nservices = [\"db\"]\nusers = [\"*\"]\n"),
                HasSubstr("pattern"));
    EXPECT_THAT(complaint(service + "[[rule]]\nservices = [\"db\"]\ngroups = [\"*\"]\n"),
                HasSubstr("pattern"));
    EXPECT_THAT(complaint(service + service), HasSubstr("another service"));
}

TEST(GatewaySettings, ListensOnAddressesOnly) {
    const auto listening = [](const std::string& address) {
        std::string text = kLeast;
        text.insert(text.find("[tls]"), "listen = [\"" + address + "\"]\n");
        return Settings::parse(text, "gateway.toml").has_value();
    };
    for (const char* address : {"127.0.0.1:0", "[::]:7443", "*:7443", "localhost:7443"}) {
        EXPECT_TRUE(listening(address)) << address;
    }
    for (const char* address : {"gw1.example.org:7443", "127.0.0.1", ":7443", "127.0.0.1:70000"}) {
        EXPECT_FALSE(listening(address)) << address;
    }
}

/// A start would fail, or write over what is read.
TEST(GatewaySettings, RefusesPlacesThatTwoThingsCannotHave) {
    const auto listening = [](const std::string& addresses, const std::string& more = {}) {
        std::string text = kLeast + more;
        text.insert(text.find("[tls]"), "listen = [" + addresses + "]\n");
        const auto read = Settings::parse(text, "gateway.toml");
        return read ? std::string() : read.error().detail;
    };
    for (const char* addresses :
         {R"("127.0.0.1:7443", "127.0.0.1:7443")", R"("localhost:7443", "127.0.0.1:7443")",
          R"("0.0.0.0:7443", "127.0.0.1:7443")", R"("[::1]:7443", "[::]:7443")", R"("*:7443", "0.0.0.0:7443")"}) {
        EXPECT_THAT(listening(addresses), HasSubstr("twice")) << addresses;
    }
    for (const char* addresses :
         {R"("0.0.0.0:7443", "[::]:7443")", R"("127.0.0.1:7443", "127.0.0.2:7443")",
          R"("127.0.0.1:0", "127.0.0.1:0")", R"("127.0.0.1:7443", "127.0.0.1:7444")"}) {
        EXPECT_EQ(listening(addresses), "") << addresses;
    }
    EXPECT_THAT(listening(R"("0.0.0.0:7443")", "[health]\nlisten = \"127.0.0.1:7443\"\n"),
                HasSubstr("[gateway] already"));
    EXPECT_EQ(listening(R"("0.0.0.0:7443")", "[health]\nlisten = \"127.0.0.1:7444\"\n"), "");
    const auto written_to = [](const std::string& where, const std::string& line) {
        std::string text = kLeast;
        text.insert(text.find(where), line);
        const auto read = Settings::parse(text, "/etc/postern/gateway.toml");
        return read ? std::string() : read.error().detail;
    };
    EXPECT_THAT(written_to("server_ca", "crl_file = \"user-ca.pem\"\n"),
                HasSubstr("'crl_file' in [ca] /etc/postern/user-ca.pem is [tls] user_ca already"));
    EXPECT_THAT(written_to("[tls]", "admin_socket = \"audit.key\"\n"), HasSubstr("[audit] key already"));
    EXPECT_EQ(written_to("server_ca", "crl_file = \"user.crl\"\n"), "");
    std::string same = kLeast;
    same.replace(same.find("audit.key"), 9, "audit.jsonl");
    EXPECT_FALSE(Settings::parse(same, "gateway.toml"));
}

TEST(GatewaySettings, RefusesACaWithoutTls) {
    std::string text = kLeast;
    text.replace(text.find("https://"), 8, "http://");
    EXPECT_FALSE(Settings::parse(text, "gateway.toml"));
}

TEST(GatewaySettings, AServiceHasTheBoundsOfAllUnlessItNamesItsOwn) {
    const std::string two = "[[service]]\nname = \"a\"\nbackend = \"h:1\"\n"
                            "[[service]]\nname = \"b\"\nbackend = \"h:2\"\nconnections = 500\n"
                            "connections_per_identity = 400\n";
    const auto by_default = parse(two);
    ASSERT_TRUE(by_default) << by_default.error().detail;
    EXPECT_EQ(by_default->policy.find("a")->bounds.connections, 90U);
    EXPECT_EQ(by_default->policy.find("a")->bounds.per_identity, 30U);
    EXPECT_EQ(by_default->policy.find("b")->bounds.connections, 500U);
    EXPECT_EQ(by_default->policy.find("b")->bounds.per_identity, 400U);
    EXPECT_EQ(by_default->limits.connections_per_identity, 0U) << "a share of all";
    const auto set = parse("[limits]\nconnections_per_service = 7\nconnections_per_service_and_identity = 3\n"
                           "connections_per_identity = 5\nstart_timeout = \"3s\"\n" + two);
    ASSERT_TRUE(set) << set.error().detail;
    EXPECT_EQ(set->policy.find("a")->bounds.connections, 7U);
    EXPECT_EQ(set->policy.find("a")->bounds.per_identity, 3U);
    EXPECT_EQ(set->policy.find("b")->bounds.connections, 500U);
    EXPECT_EQ(set->limits.connections_per_identity, 5U);
    EXPECT_EQ(set->limits.start_timeout, 3s);
    EXPECT_THAT(complaint("[limits]\nconnections_per_service = 0\n"), HasSubstr("connections_per_service"));
}

TEST(GatewaySettings, TellsWhatNeedsARestart) {
    const auto old = parse("");
    const auto rules = parse("[[service]]\nname = \"db\"\nbackend = \"h:1\"\n");
    ASSERT_TRUE(old && rules);
    EXPECT_TRUE(changes_that_need_restart(*old, *rules).empty());
    auto other_size = *old;
    other_size.audit.rotate_bytes = 1 << 20;
    EXPECT_TRUE(changes_that_need_restart(*old, other_size).empty());
    std::string text = kLeast;
    text.insert(text.find("[tls]"), "listen = [\"127.0.0.1:1\"]\nthreads = 3\n");
    const auto moved = Settings::parse(text, "/etc/postern/gateway.toml");
    ASSERT_TRUE(moved) << moved.error().detail;
    EXPECT_THAT(changes_that_need_restart(*old, *moved),
                testing::ElementsAre("gateway.listen", "gateway.threads"));
}

TEST(GatewaySettings, SayWhichServicesAreOnePostgresServer) {
    const auto service = [](const std::string& name, const std::string& backend,
                            const std::string& more = {}) {
        return "[[service]]\nname = \"" + name + "\"\nbackend = \"" + backend + "\"\n" + more;
    };
    const auto settings =
        parse(service("orders-db", "db1:5432") + service("hr-db", "db2:5432") +
              service("billing-db", "db1:5432") + service("metrics", "db1:5432", "protocol = \"tcp\"\n"));
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_THAT(notes_on_shared_backends(settings->policy),
                testing::ElementsAre(HasSubstr("db1:5432 is orders-db, billing-db")));
    EXPECT_THAT(notes_on_shared_backends(settings->policy).front(),
                HasSubstr("--service orders-db --service billing-db"));
    const auto apart = parse(service("orders-db", "db1:5432") + service("hr-db", "db2:5432"));
    EXPECT_TRUE(notes_on_shared_backends(apart->policy).empty());
}

const std::vector<test::Setting>& every_setting() {
    using test::Takes;
    static const std::vector<test::Setting> kSettings{
        {"[gateway]", "name", Takes::name, "\"gw1\""},
        {"[gateway]", "listen", Takes::listens, "[\"127.0.0.1:7443\", \"[::1]:7443\"]"},
        {"[gateway]", "threads", Takes::count, "2"},
        {"[gateway]", "drain_timeout", Takes::duration, "\"30s\""},
        {"[gateway]", "expiry_grace", Takes::duration, "\"5m\""},
        {"[gateway]", "admin_socket", Takes::optional_path, "\"/run/postern/admin.sock\""},
        {"[tls]", "certificate", Takes::path, "\"gateway.pem\""},
        {"[tls]", "key", Takes::path, "\"gateway.key\""},
        {"[tls]", "user_ca", Takes::path, "\"user-ca.pem\""},
        {"[ca]", "url", Takes::ca_url, "\"https://ca.example.org:7444\""},
        {"[ca]", "server_ca", Takes::path, "\"server-ca.pem\""},
        {"[ca]", "trust_domain", Takes::name, "\"example.org\""},
        {"[ca]", "crl_refresh", Takes::duration, "\"1s\""},
        {"[ca]", "crl_file", Takes::optional_path, "\"crl.der\""},
        {"[ca]", "offline_grace", Takes::duration, "\"1h\""},
        {"[limits]", "connections", Takes::count, "100"},
        {"[limits]", "connections_per_address", Takes::count, "100"},
        {"[limits]", "connections_per_identity", Takes::count, "100"},
        {"[limits]", "connections_per_identity_per_minute", Takes::count, "100"},
        {"[limits]", "connections_per_service", Takes::count, "100"},
        {"[limits]", "connections_per_service_and_identity", Takes::count, "100"},
        {"[limits]", "start_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "pending", Takes::count, "100"},
        {"[limits]", "warm", Takes::count, "100"},
        {"[limits]", "warm_per_identity", Takes::count, "10"},
        {"[limits]", "failed_handshakes_recorded", Takes::count, "100"},
        {"[limits]", "handshake_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "request_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "backend_timeout", Takes::duration, "\"5s\""},
        {"[limits]", "warm_timeout", Takes::duration, "\"10m\""},
        {"[audit]", "file", Takes::path, "\"audit.jsonl\""},
        {"[audit]", "key", Takes::path, "\"audit.key\""},
        {"[audit]", "durability", Takes::word, "\"write\""},
        {"[audit]", "copies", Takes::names, "[\"stdout\"]"},
        {"[audit]", "rotate_bytes", Takes::count, "1000000"},
        {"[health]", "listen", Takes::listen, "\"127.0.0.1:9080\""},
        {"[[service]]", "name", Takes::name, "\"orders-db\""},
        {"[[service]]", "backend", Takes::address, "\"db1.example.org:5432\""},
        {"[[service]]", "protocol", Takes::word, "\"postgres\""},
        {"[[service]]", "mode", Takes::word, "\"end_to_end\""},
        {"[[service]]", "connections", Takes::count, "100"},
        {"[[service]]", "connections_per_identity", Takes::count, "100"},
        {"[[service]]", "description", Takes::text, "\"Orders, since 2019 \""},
        {"[[service]]", "database", Takes::text, "\"trailing \""},
        {"[[rule]]", "services", Takes::names, "[\"orders-db\"]"},
        {"[[rule]]", "users", Takes::names, "[\"alice\"]"},
        {"[[rule]]", "groups", Takes::names, "[\"analysts\"]"},
    };
    return kSettings;
}

TEST(GatewaySettings, EachKeyRefusesRubbishWithFileAndLine) {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    const test::SettingRubbish rubbish(
        "/etc/postern/gateway.toml", every_setting(), [](const std::string& text) {
            const auto read = Settings::parse(text, "/etc/postern/gateway.toml");
            return read ? std::string() : read.error().detail;
        });
    rubbish.feed();
    rubbish.know_every_key();
}

TEST(GatewaySettings, KeepsAddressesInNormalForm) {
    std::string text = kLeast;
    text.replace(text.find("https://ca.example.org:7444"), 27, "HTTPS://CA.Example.org:443/");
    const auto settings =
        Settings::parse(text + "[[service]]\nname = \"db\"\nbackend = \"[2001:DB8:0::7]:05432\"\n",
                        "/etc/postern/gateway.toml");
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_EQ(settings->ca_url(), "https://ca.example.org");
    EXPECT_EQ(settings->policy.services()[0].backend.text(), "[2001:db8::7]:5432");
}

}  // namespace
}  // namespace postern::gateway
