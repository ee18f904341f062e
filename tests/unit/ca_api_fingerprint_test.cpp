// One reading of what people paste.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "ca_api/fingerprint.hpp"
#include "support/odd_certificates.hpp"

namespace postern::ca_api {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const std::string kHex = "9f2c71aa04d6e3b85f10c7d22b9e64f3a8c15d70e94b2f6683dd1e05b7a4c9f8";

std::string upper(std::string text) {
    for (char& c : text) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return text;
}

/// `separator` before each `every` digits but the first.
std::string grouped(const std::string& digits, std::size_t every, const std::string& separator) {
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        out += (i > 0 && i % every == 0 ? separator : "") + digits[i];
    }
    return out;
}

TEST(Fingerprint, IsReadInEveryFormThatPeoplePaste) {
    for (const std::string& text :
         {"sha256:" + kHex, kHex, upper(kHex), "SHA256:" + upper(kHex), "Sha256: " + kHex,
          " " + kHex + "\r\n", "sha256:" + grouped(upper(kHex), 2, ":"), grouped(kHex, 2, ":"),
          grouped(upper(kHex), 4, " "), grouped(kHex, 32, "\n"), "sha256:" + grouped(kHex, 4, "\t"),
          "sha256 " + kHex}) {
        const auto read = Fingerprint::parse(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->text(), "sha256:" + kHex) << text;
    }
}

TEST(Fingerprint, SaysWhatItTakesWhereItIsNone) {
    for (const auto& [text, why] : {std::pair{""s, "this has 0"},
                                    {"sha256:", "this has 0"},
                                    {kHex.substr(1), "this has 63"},
                                    {kHex + "0", "this has 65"},
                                    {"sha256:" + kHex + kHex, "this has 128"},
                                    {"sha1:" + kHex, "something else"},
                                    {"sha512:" + kHex, "something else"},
                                    {kHex.substr(1) + "g", "something else"},
                                    {kHex.substr(2) + "-0", "something else"},
                                    {kHex.substr(1) + "\0"s, "something else"},
                                    {"sha256:sha256:" + kHex, "something else"}}) {
        const auto read = Fingerprint::parse(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, Code::malformed_request);
        EXPECT_THAT(read.error().detail, HasSubstr("64 hexadecimal digits"));
        EXPECT_THAT(read.error().detail, HasSubstr(why)) << text;
    }
}

TEST(Fingerprint, IsThatOfTheWholeCertificate) {
    const auto one = test::make_authority("One", system_clock()());
    EXPECT_EQ(Fingerprint::of(one.root.certificate).text(), "sha256:" + one.root.certificate.fingerprint());
    EXPECT_EQ(Fingerprint::parse(upper(one.root.certificate.fingerprint())).value(),
              Fingerprint::of(one.root.certificate));
    EXPECT_FALSE(Fingerprint::of(one.issuing.certificate) == Fingerprint::of(one.root.certificate));
}

}  // namespace
}  // namespace postern::ca_api
