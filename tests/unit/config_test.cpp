#include <cstdlib>

#include <gtest/gtest.h>

#include "config/document.hpp"

namespace postern::config {
namespace {

using namespace std::chrono_literals;

Document parsed(std::string_view text) {
    auto document = Document::parse(text, "/etc/postern/gateway.toml");
    EXPECT_TRUE(document) << document.error().detail;
    return std::move(document).value();
}

std::string problems(Document& document) {
    const auto finished = document.finish();
    return finished ? std::string() : finished.error().detail;
}

TEST(Document, GivesWhatTheFileSays) {
    Document document = parsed(R"(
[gateway]
name = "gw1"
listen = ["127.0.0.1:7443", "[::1]:7443"]
threads = 2
drain_timeout = "30s"
key = "gateway.key"
[[service]]
name = "orders-db"
[[service]]
name = "billing-db"
)");
    Table gateway = document.root().table("gateway");
    EXPECT_EQ(gateway.string("name"), "gw1");
    EXPECT_EQ(gateway.strings("listen").size(), 2U);
    EXPECT_EQ(gateway.integer("threads", 0, 0, 64), 2);
    EXPECT_EQ(gateway.duration("drain_timeout", 1s, 0s, 1h), 30s);
    EXPECT_EQ(gateway.path("key"), "/etc/postern/gateway.key");
    EXPECT_TRUE(gateway.boolean("absent", true));
    auto services = document.root().tables("service");
    ASSERT_EQ(services.size(), 2U);
    EXPECT_EQ(services[1].string("name"), "billing-db");
    services[0].string("name");
    EXPECT_EQ(problems(document), "");
}

TEST(Document, NamesFileLineAndNearestKeyOfAnUnknownOne) {
    Document document = parsed("[gateway]\nname = \"gw1\"\nlisten = []\nlisen = []\n");
    Table gateway = document.root().table("gateway");
    gateway.string("name");
    gateway.strings("listen");
    EXPECT_EQ(problems(document),
              "/etc/postern/gateway.toml:4: unknown key 'lisen' in [gateway]; did you mean 'listen'?");
}

TEST(Document, FindsAnUnknownTable) {
    Document document = parsed("[gatewy]\nname = \"gw1\"\n");
    document.root().table("gateway");
    EXPECT_NE(problems(document).find("gateway.toml:1: unknown key 'gatewy'; did you mean 'gateway'?"),
              std::string::npos);
}

TEST(Document, TellsEveryProblemAtOnceInTheOrderOfLines) {
    Document document = parsed("[gateway]\nthreads = \"two\"\ndrain_timeout = \"5 s\"\nmode = \"fast\"\n");
    Table gateway = document.root().table("gateway");
    gateway.choice("mode", "a", {"a", "b"});
    gateway.duration("drain_timeout", 1s, 0s, 1h);
    gateway.integer("threads", 0, 0, 64);
    gateway.string("name");
    const std::string text = problems(document);
    EXPECT_NE(text.find(":2: 'threads' in [gateway] must be an integer, not a string"), std::string::npos)
        << text;
    EXPECT_NE(text.find(":3: 'drain_timeout' in [gateway] '5 s' is not a duration"), std::string::npos)
        << text;
    EXPECT_NE(text.find(":4: 'mode' in [gateway] must be one of \"a\", \"b\", not \"fast\""),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("missing key 'name' in [gateway]"), std::string::npos) << text;
}

TEST(Document, RefusesNumbersOutOfRange) {
    Document document = parsed("[limits]\nconnections = 0\ntimeout = \"2h\"\n");
    Table limits = document.root().table("limits");
    EXPECT_EQ(limits.integer("connections", 5, 1, 10), 5);
    EXPECT_EQ(limits.duration("timeout", 5s, 1s, 1h), 5s);
    const std::string text = problems(document);
    EXPECT_NE(text.find("must be between 1 and 10, not 0"), std::string::npos) << text;
    EXPECT_NE(text.find("must be between 1s and 1h, not 2h"), std::string::npos) << text;
}

TEST(Document, NamesTheLineOfASyntaxError) {
    const auto document = Document::parse("[gateway]\nname = gw1\n", "g.toml");
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().code, Code::config_invalid);
    EXPECT_NE(document.error().detail.find("g.toml:2"), std::string::npos) << document.error().detail;
}

TEST(Document, ExpandsOnlySystemdsFolders) {
    ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/postern-gateway.service", 1);
    ::unsetenv("STATE_DIRECTORY");
    Document document = parsed(
        "[tls]\na = \"${CREDENTIALS_DIRECTORY}/key\"\nb = \"${HOME}/key\"\nc = \"${STATE_DIRECTORY}/x\"\n");
    Table tls = document.root().table("tls");
    EXPECT_EQ(tls.path("a"), "/run/credentials/postern-gateway.service/key");
    tls.path("b");
    tls.path("c");
    const std::string text = problems(document);
    EXPECT_NE(text.find(":3: 'b' in [tls] holds an unknown variable"), std::string::npos) << text;
    EXPECT_NE(text.find(":4: 'c' in [tls] names ${STATE_DIRECTORY}, which is set only under systemd"),
              std::string::npos)
        << text;
    ::unsetenv("CREDENTIALS_DIRECTORY");
}

}  // namespace
}  // namespace postern::config
