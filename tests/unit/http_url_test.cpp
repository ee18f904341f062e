// Addresses of CA services: one reading, one form.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/https_url.hpp"

namespace postern::http {
namespace {

using testing::HasSubstr;

std::string normal(const char* text) {
    const auto url = HttpsUrl::parse(text);
    return url ? url->text() : "refused: " + url.error().detail;
}

std::string complaint(const std::string& text) {
    const auto url = HttpsUrl::parse(text);
    return url ? "taken: " + url->text() : url.error().detail;
}

TEST(HttpsUrl, HasOneFormForEachSpelling) {
    for (const char* spelling :
         {"https://ca.example.org", "https://ca.example.org/", "HTTPS://CA.example.ORG",
          "https://ca.example.org:443", "https://ca.example.org:0443/"}) {
        EXPECT_EQ(normal(spelling), "https://ca.example.org") << spelling;
        EXPECT_EQ(HttpsUrl::parse(spelling)->address().text(), "ca.example.org:443") << spelling;
    }
    EXPECT_EQ(normal("https://localhost:7444"), "https://localhost:7444");
    EXPECT_EQ(normal("https://[2001:DB8:0:0::7]:7444"), "https://[2001:db8::7]:7444");
    EXPECT_EQ(normal("https://[::1]"), "https://[::1]");
    EXPECT_EQ(normal("https://192.0.2.7:7444/"), "https://192.0.2.7:7444");
}

TEST(HttpsUrl, TellsOthersApart) {
    const auto url = [](const char* text) { return HttpsUrl::parse(text).value(); };
    EXPECT_TRUE(url("https://ca.example.org") == url("https://CA.example.org:443/"));
    EXPECT_FALSE(url("https://ca.example.org") == url("https://ca.example.org:7444"));
    EXPECT_FALSE(url("https://ca.example.org") == url("https://ca.example.net"));
}

TEST(HttpsUrl, SaysWhatIsWrongAndWhatItTakes) {
    EXPECT_THAT(complaint("https://ca.example.org:7444/v1"), HasSubstr("has a path"));
    EXPECT_THAT(complaint("https://ca.example.org:7444/v1 "), HasSubstr("has a blank"));
    EXPECT_THAT(complaint("https://ca.example.org:7444?x"), HasSubstr("has a path"));
    EXPECT_THAT(complaint(std::string("https://ca\0.example.org", 22)), HasSubstr("control character"));
    EXPECT_THAT(complaint("https://b\xc3\xbc.example.org"), HasSubstr("xn--"));
    EXPECT_THAT(complaint("http://ca.example.org"), HasSubstr("only https"));
    EXPECT_THAT(complaint("ca.example.org"), HasSubstr("does not begin with https://"));
    EXPECT_THAT(complaint("https://me@ca.example.org"), HasSubstr("user"));
    EXPECT_THAT(complaint("https://::1:7444"), HasSubstr("brackets"));
    EXPECT_THAT(complaint("https://ca.example.org:0"), HasSubstr("1 to 65535"));
    EXPECT_THAT(complaint("https://ca.example.org:65536"), HasSubstr("1 to 65535"));
    EXPECT_THAT(complaint(""), HasSubstr("is empty"));
    EXPECT_THAT(complaint(std::string(3000, 'x')), HasSubstr("too long"));
    for (const char* text : {"https://", "https:///", "https://:7444", "https://[::1", "https://*:1",
                             "https://a:b:1", "https://unix:/x", "https://ca.example.org//"}) {
        EXPECT_THAT(complaint(text), HasSubstr("it looks like https://ca.example.org:7444")) << text;
    }
}

TEST(Url, IsOneThatOthersCanRead) {
    for (const char* text : {"http://ca.example.org/v1/crl", "https://ca.example.org:7444/v1/crl?x=1&y=2",
                             "http://[2001:db8::7]/crl", "http://192.0.2.7"}) {
        EXPECT_TRUE(check_url(text)) << text;
    }
    for (const char* text :
         {"", "junk", "ftp://ca.example.org/crl", "http://", "http:///crl", "http://h:0/", "http://h/a b",
          "http://u@h/", "http://h/#x", "http://h/\"", "http://h:x/", "ldap://h/"}) {
        EXPECT_FALSE(check_url(text)) << text;
    }
}

}  // namespace
}  // namespace postern::http
