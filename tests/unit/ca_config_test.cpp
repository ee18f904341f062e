#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ca-service/config.hpp"
#include "ca-service/server_name.hpp"
#include "unit/setting_rubbish.hpp"

namespace postern::ca {
namespace {

using testing::HasSubstr;

constexpr const char* kLeast = "[ca]\nnames = [\"ca.example.org\"]\ntrust_domain = \"example.org\"\n";

Result<Config> parse(const std::string& text) {
    return Config::parse(text, "/etc/postern/ca.toml", "/var/lib/postern-ca");
}

std::string problem_of(const std::string& text) {
    const auto parsed = parse(text);
    EXPECT_FALSE(parsed);
    return parsed ? "" : parsed.error().detail;
}

TEST(CaConfig, TakesDefaultsForWhatIsNotSaid) {
    const Config config = parse(kLeast).value();
    EXPECT_EQ(config.listen.text(), "127.0.0.1:7444");
    EXPECT_EQ(config.certificate_lifetime, std::chrono::hours(1));
    EXPECT_EQ(config.session_lifetime, std::chrono::hours(12));
    EXPECT_EQ(config.certificates_per_session, 256U);
    EXPECT_EQ(config.certificates_per_user, 5000U);
    EXPECT_EQ(config.audit_file, "/var/lib/postern-ca/audit.jsonl");
    EXPECT_EQ(config.crl_url, "https://ca.example.org:7444/v1/crl");
}

TEST(CaConfig, TakesWhatInitWrites) {
    const auto parsed = parse(initial_config("0.0.0.0:7444", {"ca.example.org", "192.0.2.1"}, "example.org"));
    ASSERT_TRUE(parsed) << parsed.error().detail;
    EXPECT_THAT(parsed->names, testing::ElementsAre("ca.example.org", "192.0.2.1"));
}

TEST(CaConfig, ReadsTheCatalogue) {
    const Config config = parse(std::string(kLeast) +
                                "[[gateway]]\nname = \"gw1\"\naddress = \"gw1.example.org:7443\"\n"
                                "[[service]]\nname = \"orders-db\"\nserver_name = \"orders.example.org\"\n"
                                "[[service]]\nname = \"stock-db\"\nuser_map = true\n"
                                "[[service]]\nname = \"cache\"\nprotocol = \"tcp\"\n"
                                "[[service]]\nname = \"old-db\"\nmode = \"passthrough\"\n")
                              .value();
    ASSERT_EQ(config.services.size(), 4U);
    EXPECT_TRUE(config.services[0].is_postgres);
    EXPECT_FALSE(config.services[0].is_passed_through);
    EXPECT_FALSE(config.services[2].is_postgres);
    EXPECT_TRUE(config.services[2].is_passed_through);
    EXPECT_TRUE(config.services[3].is_postgres);
    EXPECT_TRUE(config.services[3].is_passed_through);
    EXPECT_EQ(config.services[0].server_name, "orders.example.org");
    EXPECT_FALSE(config.services[0].has_user_map);
    EXPECT_FALSE(config.services[1].server_name);
    EXPECT_TRUE(config.services[1].has_user_map);
    EXPECT_EQ(config.gateways[0].address, "gw1.example.org:7443");
}

TEST(CaConfig, RefusesAServiceThatSpeaksOrIsCarriedInAWayThatThereIsNot) {
    const std::string service = std::string(kLeast) + "[[service]]\nname = \"a\"\n";
    EXPECT_THAT(problem_of(service + "protocol = \"mysql\"\n"), HasSubstr("mysql"));
    EXPECT_THAT(problem_of(service + "mode = \"end to end\"\n"), HasSubstr("end to end"));
    EXPECT_THAT(problem_of(service + "protocol = \"tcp\"\nmode = \"end_to_end\"\n"),
                HasSubstr("end_to_end needs protocol"));
}

TEST(CaConfig, RefusesUnknownKeysAndNamesTheNearest) {
    EXPECT_THAT(problem_of(std::string(kLeast) + "certificate_lifetme = \"1h\"\n"),
                HasSubstr("certificate_lifetime"));
}

TEST(CaConfig, RefusesLifetimesOutOfRange) {
    EXPECT_THAT(problem_of(std::string(kLeast) + "certificate_lifetime = \"25h\"\n"),
                HasSubstr("certificate_lifetime"));
    EXPECT_THAT(problem_of(std::string(kLeast) + "certificate_lifetime = \"4s\"\n"),
                HasSubstr("certificate_lifetime"));
    EXPECT_TRUE(parse(std::string(kLeast) + "certificate_lifetime = \"5s\"\n"));
}

TEST(CaConfig, RefusesNamesThatNoServerHas) {
    EXPECT_THAT(problem_of("[ca]\nnames = [\"a b\"]\ntrust_domain = \"example.org\"\n"), HasSubstr("a b"));
    EXPECT_THAT(problem_of("[ca]\nnames = [\"ca\"]\ntrust_domain = \"example.org\"\n[health]\nlisten = \"9081\"\n"),
                HasSubstr("127.0.0.1:9081"));
    EXPECT_THAT(problem_of("[ca]\nnames = []\ntrust_domain = \"example.org\"\n"), HasSubstr("at least one"));
    EXPECT_THAT(problem_of("[ca]\nnames = [\"ca\"]\ntrust_domain = \"Example Org\"\n"),
                HasSubstr("trust domain"));
    EXPECT_THAT(problem_of("[ca]\nnames = [\"ca\"]\n"), HasSubstr("trust_domain"));
}

TEST(CaConfig, RefusesTheSameServiceTwice) {
    EXPECT_THAT(problem_of(std::string(kLeast) + "[[service]]\nname = \"a\"\n[[service]]\nname = \"a\"\n"),
                HasSubstr("two services"));
}

TEST(CaConfig, TellsAllProblemsAtOnce) {
    const std::string problem = problem_of("[ca]\nnames = [\"a b\"]\nlisten = \"nowhere\"\nfoo = 1\n");
    EXPECT_THAT(problem, testing::AllOf(HasSubstr("a b"), HasSubstr("listen"), HasSubstr("foo")));
}

TEST(ServerName, IsWrittenInUrlsAndSpiffeIds) {
    EXPECT_EQ(https_url("ca.example.org", "7444"), "https://ca.example.org:7444");
    EXPECT_EQ(https_url("192.0.2.1", "7444"), "https://192.0.2.1:7444");
    EXPECT_EQ(https_url("2001:db8::1", "7444"), "https://[2001:db8::1]:7444");
    EXPECT_EQ(spiffe_segment("ca.example.org"), "ca.example.org");
    EXPECT_EQ(spiffe_segment("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(spiffe_segment("2001:db8::1"), "ip6-2001-db8--1");
}

TEST(ServerName, IsADnsNameOrAnAddress) {
    for (const char* good : {"localhost", "db.example.org", "192.0.2.1", "2001:db8::1", "a-b.c"}) {
        EXPECT_TRUE(is_server_name(good)) << good;
    }
    for (const char* bad :
         {"", ".", "a..b", "-a", "a-", "*.example.org", "a b", "a_b", "1.2.3", "a.", "a\nb"}) {
        EXPECT_FALSE(is_server_name(bad)) << bad;
    }
    EXPECT_FALSE(is_server_name(std::string(64, 'a')));
}

const std::vector<postern::test::Setting>& every_setting() {
    using postern::test::Takes;
    static const std::vector<postern::test::Setting> kSettings{
        {"[ca]", "listen", Takes::listen, "\"127.0.0.1:7444\""},
        {"[ca]", "names", Takes::names, "[\"ca.example.org\"]"},
        {"[ca]", "trust_domain", Takes::name, "\"example.org\""},
        {"[ca]", "certificate_lifetime", Takes::duration, "\"1h\""},
        {"[ca]", "session_lifetime", Takes::duration, "\"12h\""},
        {"[ca]", "server_certificate_lifetime", Takes::duration, "\"90d\""},
        {"[ca]", "crl_lifetime", Takes::duration, "\"1h\""},
        {"[ca]", "crl_url", Takes::url, "\"http://crl.example.org/v1/crl?x=1\""},
        {"[audit]", "file", Takes::optional_path, "\"audit.jsonl\""},
        {"[audit]", "key", Takes::optional_path, "\"audit.key\""},
        {"[audit]", "durability", Takes::word, "\"write\""},
        {"[audit]", "rotate_bytes", Takes::count, "1000000"},
        {"[limits]", "connections", Takes::count, "100"},
        {"[limits]", "connections_per_address", Takes::count, "100"},
        {"[limits]", "connections_per_bearer", Takes::count, "100"},
        {"[limits]", "pending", Takes::count, "100"},
        {"[limits]", "handshake_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "request_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "certificates_per_session", Takes::count, "10"},
        {"[limits]", "certificates_per_user", Takes::count, "10"},
        {"[limits]", "refusals_recorded", Takes::count, "10"},
        {"[limits]", "drain_timeout", Takes::duration, "\"10s\""},
        {"[limits]", "login_workers", Takes::count, "2"},
        {"[limits]", "login_queue", Takes::count, "2"},
        {"[limits]", "request_workers", Takes::count, "2"},
        {"[limits]", "request_queue", Takes::count, "2"},
        {"[health]", "listen", Takes::listen, "\"127.0.0.1:9081\""},
        {"[[gateway]]", "name", Takes::name, "\"gw1\""},
        {"[[gateway]]", "address", Takes::address, "\"gw1.example.org:7443\""},
        {"[[service]]", "name", Takes::name, "\"orders-db\""},
        {"[[service]]", "server_name", Takes::name, "\"orders.example.org\""},
        {"[[service]]", "protocol", Takes::word, "\"postgres\""},
        {"[[service]]", "mode", Takes::word, "\"end_to_end\""},
        {"[[service]]", "user_map", Takes::boolean, "true"},
    };
    return kSettings;
}

TEST(CaConfig, EachKeyRefusesRubbishWithFileAndLine) {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    const postern::test::SettingRubbish rubbish("/etc/postern/ca.toml", every_setting(), [](const std::string& text) {
        const auto read = parse(text);
        return read ? std::string() : read.error().detail;
    });
    rubbish.feed();
    rubbish.know_every_key();
}

TEST(CaConfig, TellsAgentsOfAddressesInNormalForm) {
    const Config config =
        parse(std::string(kLeast) + "[[gateway]]\nname = \"gw1\"\naddress = \"GW1.Example.org:07443\"\n")
            .value();
    EXPECT_EQ(config.gateways[0].address, "gw1.example.org:7443");
    EXPECT_THAT(problem_of(std::string(kLeast) + "[[gateway]]\nname = \"gw1\"\naddress = \"unix:/run/gw\"\n"),
                HasSubstr("that desktops reach"));
}

}  // namespace
}  // namespace postern::ca
