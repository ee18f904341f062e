#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "client-proxy/config/http_proxy.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/config/proxy_rules.hpp"
#include "client-proxy/proxy/proxy_answer.hpp"
#include "client_support.hpp"

namespace postern::client {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

HttpProxy proxy(std::string_view url) {
    const auto parsed = parse_proxy(url);
    EXPECT_TRUE(parsed.has_value()) << url << ": " << (parsed ? "" : parsed.error().detail);
    return parsed ? *parsed : HttpProxy();
}

TEST(HttpProxy, IsReadAsCurlReadsIt) {
    EXPECT_EQ(proxy("http://proxy.example.org:3128").text(), "proxy.example.org:3128");
    EXPECT_EQ(proxy("HTTP://proxy.example.org:3128/").text(), "proxy.example.org:3128");
    EXPECT_EQ(proxy("proxy.example.org").text(), "proxy.example.org:1080");
    EXPECT_EQ(proxy("http://[2001:db8::1]:3128").address.host, "2001:db8::1");
    EXPECT_EQ(proxy("http://[2001:db8::1]").address.port, "1080");
    EXPECT_FALSE(proxy("http://proxy:1").has_credentials());
}

TEST(HttpProxy, TakesUserAndPassword) {
    const HttpProxy read = proxy("http://al%40ice:p%3Ass%2Fw@rd@proxy:3128");
    EXPECT_EQ(read.user, "al@ice");
    EXPECT_EQ(read.password.reveal(), "p:ss/w@rd");
    EXPECT_EQ(read.text(), "proxy:3128");
    EXPECT_EQ(proxy("http://alice@proxy:3128").password.reveal(), "");
}

TEST(HttpProxy, RefusesWhatIsNoneWithoutRepeatingIt) {
    for (const auto& url : {""s, "https://:hush@p:1"s, "socks5://alice:hush@p:1"s, "http://"s,
                            "http://alice:hush@"s, "http://alice:hush@p:99999"s, "http://alice:hush%0@p:1"s,
                            "http://alice:hush%zz@p:1"s, "http://alice:hush%0d%0aX:@p:1"s,
                            "http://a%3Ab:hush@p:1"s, "http://hush\r\n:1"s, std::string(5000, 'h')}) {
        const auto parsed = parse_proxy(url);
        ASSERT_FALSE(parsed.has_value()) << url;
        EXPECT_EQ(parsed.error().code, Code::config_invalid);
        EXPECT_THAT(parsed.error().detail, Not(HasSubstr("hush")));
    }
}

TEST(ConnectRequest, ShowsCredentialsOnlyWhereThereAreSome) {
    const net::Address target{"gw1.example.org", "7443", false};
    const auto plain = connect_request(proxy("http://p:1"), target);
    EXPECT_THAT(std::string(plain.reveal()),
                testing::StartsWith("CONNECT gw1.example.org:7443 HTTP/1.1\r\n"));
    EXPECT_THAT(std::string(plain.reveal()), HasSubstr("\r\nHost: gw1.example.org:7443\r\n"));
    EXPECT_THAT(std::string(plain.reveal()), Not(HasSubstr("Authorization")));
    const auto proven = connect_request(proxy("http://Aladdin:open%20sesame@p:1"), target);
    EXPECT_THAT(std::string(proven.reveal()),
                testing::EndsWith("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"));
    EXPECT_THAT(std::string(connect_request(proxy("p:1"), {"::1", "7443", false}).reveal()),
                testing::StartsWith("CONNECT [::1]:7443 HTTP/1.1\r\n"));
}

const std::string kOpen = "HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n";

TEST(ProxyAnswer, OpensTheWayAtEverySplit) {
    for (const auto& answer : {kOpen, "HTTP/1.1 100 Continue\r\n\r\n" + kOpen, "HTTP/1.0 204\r\n\r\n"s}) {
        for (std::size_t cut = 0; cut < answer.size(); ++cut) {
            ProxyAnswer reader("p:1", false);
            const auto first = reader.feed(answer.substr(0, cut));
            ASSERT_TRUE(first && !*first) << cut;
            const auto second = reader.feed(answer.substr(cut));
            ASSERT_TRUE(second && *second) << cut;
        }
    }
}

std::string refusal_to(std::string_view answer, bool has_shown_credentials = false,
                       bool is_about_credentials = false) {
    ProxyAnswer reader("p:3128", has_shown_credentials);
    const auto read = reader.feed(answer);
    EXPECT_FALSE(read.has_value()) << answer;
    EXPECT_EQ(reader.is_about_credentials(), is_about_credentials);
    return read ? "" : read.error().detail;
}

TEST(ProxyAnswer, TellsWhatTheProxyWants) {
    const auto wants =
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"s;
    EXPECT_EQ(refusal_to(wants, false, true), "the proxy p:3128 wants a user name and a password");
    EXPECT_EQ(refusal_to(wants, true, true), "the proxy p:3128 does not take this user name and password");
    EXPECT_THAT(
        refusal_to("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n",
                   true, true),
        HasSubstr("another proof"));
    EXPECT_EQ(refusal_to("HTTP/1.1 401 Unauthorized\r\n\r\n", true, true),
              "the proxy p:3128 does not take this user name and password");
    EXPECT_THAT(refusal_to("HTTP/1.1 403 Filtered\r\n\r\n"), HasSubstr("rules"));
    EXPECT_THAT(refusal_to("HTTP/1.1 502 x\r\n\r\n"), HasSubstr("502"));
    EXPECT_THAT(refusal_to("HTTP/1.1 302 x\r\nLocation: http://login\r\n\r\n"), HasSubstr("302"));
}

TEST(ProxyAnswer, IsNotFooledByWhatIsNoProxy) {
    EXPECT_THAT(refusal_to("SSH-2.0-OpenSSH_9.2\r\n"), HasSubstr("no HTTP proxy"));
    EXPECT_THAT(refusal_to("E"), HasSubstr("no HTTP proxy"));
    for (const char* line :
         {"HTTP/1.1 2000 x", "HTTP/1.1 20", "HTTP/1.1  200", "HTTP/1.x 200 y", "HTTP/1.1 099 x"}) {
        EXPECT_NE(refusal_to(line + "\r\n\r\n"s), "") << line;
    }
    EXPECT_THAT(refusal_to("HTTP/1.1 100 Continue\r\n\r\nSSH-2.0"), HasSubstr("no HTTP proxy"));
    EXPECT_THAT(refusal_to(kOpen + "x"), HasSubstr("bytes of its own"));
}

TEST(ProxyAnswer, HasABound) {
    ProxyAnswer reader("p:1", false);
    ASSERT_TRUE(reader.feed("HTTP/1.1 200 x\r\nA: ").has_value());
    bool is_refused = false;
    for (int i = 0; i < 40 && !is_refused; ++i) {
        is_refused = !reader.feed(std::string(1024, 'a')).has_value();
    }
    EXPECT_TRUE(is_refused);
}

TEST(NoProxy, FollowsCurl) {
    EXPECT_TRUE(is_excepted("gw1.example.org", "*"));
    EXPECT_FALSE(is_excepted("gw1.example.org", ""));
    EXPECT_FALSE(is_excepted("gw1.example.org", "*,other"));
    EXPECT_TRUE(is_excepted("gw1.example.org", "other, example.org"));
    EXPECT_TRUE(is_excepted("gw1.Example.org.", ".EXAMPLE.org"));
    EXPECT_TRUE(is_excepted("example.org", ".example.org."));
    EXPECT_FALSE(is_excepted("badexample.org", "example.org"));
    EXPECT_FALSE(is_excepted("example.org", "gw1.example.org"));
    EXPECT_FALSE(is_excepted("gw1.example.org", "gw1.example.org:7443"));
    EXPECT_TRUE(is_excepted("10.1.2.3", "192.0.2.1,10.0.0.0/8"));
    EXPECT_FALSE(is_excepted("11.1.2.3", "10.0.0.0/8"));
    EXPECT_TRUE(is_excepted("10.1.2.3", "10.1.2.3"));
    EXPECT_FALSE(is_excepted("10.1.2.3", "2.3"));
    EXPECT_FALSE(is_excepted("10.1.2.3", "10.0.0.0/33"));
    EXPECT_TRUE(is_excepted("2001:db8::7", "2001:db8::/32"));
    EXPECT_TRUE(is_excepted("::1", "[::1]"));
    EXPECT_FALSE(is_excepted("::1", "127.0.0.1/0"));
}

std::string proxy_for(std::string_view host, std::string_view configured, std::string_view excepted,
                      std::map<std::string, std::string> environment) {
    const auto rules = ProxyRules::make(configured, excepted, [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
    });
    EXPECT_TRUE(rules.has_value());
    const auto* const found = rules ? rules->proxy_for(host) : nullptr;
    return found == nullptr ? "" : found->text();
}

TEST(ProxyRules, PreferTheFileToTheEnvironment) {
    EXPECT_EQ(proxy_for("gw", "", "", {}), "");
    EXPECT_EQ(proxy_for("gw", "", "", {{"HTTPS_PROXY", "http://up:1"}}), "up:1");
    EXPECT_EQ(proxy_for("gw", "", "", {{"HTTPS_PROXY", "http://up:1"}, {"https_proxy", "http://low:1"}}),
              "low:1");
    EXPECT_EQ(proxy_for("gw", "", "", {{"https_proxy", ""}, {"ALL_PROXY", "http://all:1"}}), "all:1");
    EXPECT_EQ(proxy_for("gw", "", "", {{"HTTP_PROXY", "http://plain:1"}}), "");
    EXPECT_EQ(proxy_for("gw", "http://file:1", "", {{"HTTPS_PROXY", "http://up:1"}}), "file:1");
    EXPECT_EQ(proxy_for("gw", "none", "", {{"HTTPS_PROXY", "http://up:1"}}), "");
}

TEST(ProxyRules, LeaveOutWhatNoProxyNames) {
    EXPECT_EQ(proxy_for("gw.intern", "http://file:1", "intern", {}), "");
    EXPECT_EQ(proxy_for("gw.intern", "http://file:1", "", {{"NO_PROXY", "intern"}}), "");
    EXPECT_EQ(proxy_for("gw.intern", "http://file:1", "other", {{"NO_PROXY", "intern"}}), "file:1");
    EXPECT_EQ(proxy_for("gw", "http://file:1", "intern", {}), "file:1");
}

TEST(ProxyRules, LeaveTheLoopbackToTheFileAlone) {
    const std::map<std::string, std::string> environment{{"HTTPS_PROXY", "http://up:1"}};
    for (const char* host : {"localhost", "LocalHost.", "ca.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
        EXPECT_EQ(proxy_for(host, "", "", environment), "") << host;
        EXPECT_EQ(proxy_for(host, "", "intern", environment), "") << host;
        EXPECT_EQ(proxy_for(host, "http://file:1", "", environment), "file:1") << host;
    }
    for (const char* host : {"localhost.example.org", "notlocalhost", "128.0.0.1", "::2", "gw"}) {
        EXPECT_EQ(proxy_for(host, "", "", environment), "up:1") << host;
    }
}

TEST(ProxyRules, RefuseABadAddressAndSayWhereItStands) {
    const auto none = [](const char*) -> const char* { return nullptr; };
    EXPECT_THAT(ProxyRules::make("socks5://p:1", "", none).error().detail, HasSubstr("config.toml"));
    const auto environment = [](const char* name) { return name == "HTTPS_PROXY"s ? "ftp://p" : nullptr; };
    EXPECT_THAT(ProxyRules::make("", "", environment).error().detail, HasSubstr("HTTPS_PROXY"));
}

TEST(Preferences, WithAProxysPasswordAreForTheirOwnerAlone) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    const std::string text = "[network]\nproxy = \"http://alice:hush@proxy:3128\"\nno_proxy = \"intern\"\n";
    ASSERT_TRUE(write_file(file, text, 0600).has_value());
    EXPECT_EQ(Preferences::load(file)->no_proxy, "intern");
    EXPECT_EQ(Preferences::load(file)->proxy.reveal(), "http://alice:hush@proxy:3128");
    ::chmod(file.c_str(), 0644);
    const auto open = Preferences::load(file);
    ASSERT_FALSE(open.has_value());
    EXPECT_THAT(open.error().detail, HasSubstr("chmod"));
    EXPECT_THAT(open.error().detail, Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace postern::client
