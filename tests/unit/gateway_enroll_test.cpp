// Enrolment on the gateway, as far as it goes without a CA service, and with one that is none.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/commands/enroll_command.hpp"
#include "support/middleman.hpp"
#include "unit/in_child.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class GatewayEnrolment : public testing::Test {
protected:
    fs::path folder_;
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "postern-enroll-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        std::ofstream(folder_ / "gateway.toml") << R"([gateway]
name = "gw1"
[tls]
certificate = "gateway.pem"
key = "gateway.key"
user_ca = "user-ca.pem"
[ca]
url = "https://127.0.0.1:1"
server_ca = "server-ca.pem"
trust_domain = "example.org"
[audit]
file = "audit.jsonl"
key = "audit.key"
)";
    }
    void TearDown() override { fs::remove_all(folder_); }
    static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
    Result<void> enroll_at(std::optional<std::string> url, const std::string& pin) const {
        std::optional<http::HttpsUrl> ca_url;
        if (url) {
            ca_url = http::HttpsUrl::parse(*url).value();
        }
        return enroll(Enrolment{folder_ / "gateway.toml", std::move(ca_url),
                                ca_api::Fingerprint::parse(pin).value(), Secret(std::string_view("t"))});
    }
    std::string refusal() const {
        const auto enrolled = enroll_at(std::nullopt, std::string(64, '0'));
        EXPECT_FALSE(enrolled);
        return enrolled ? std::string() : enrolled.error().detail;
    }
};

TEST_F(GatewayEnrolment, RefusesAFolderInAFilesPlaceBeforeItSendsTheToken) {
    EXPECT_THAT(refusal(), HasSubstr("127.0.0.1:1")) << "where nobody listens";
    fs::create_directory(folder_ / "user-ca.pem");
    EXPECT_THAT(refusal(), HasSubstr("the token is still good"));
}

TEST_F(GatewayEnrolment, RootWritesNothingWhereAnotherUsersLinkLeads) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "root alone is led astray";
    }
    fs::permissions(folder_, static_cast<fs::perms>(0755));
    const fs::path roots = folder_ / "roots";
    const fs::path theirs = folder_ / "theirs";
    fs::create_directory(roots);
    fs::create_directory(theirs);
    fs::create_symlink(roots, theirs / "tls");
    test::give(theirs, test::kService);
    std::ifstream before(folder_ / "gateway.toml");
    std::string text((std::istreambuf_iterator<char>(before)), {});
    text.replace(text.find("\"gateway.key\""), 13, "\"theirs/tls/new/gateway.key\"");
    std::ofstream(folder_ / "gateway.toml") << text;
    EXPECT_THAT(refusal(), HasSubstr("the token is still good"));
    EXPECT_TRUE(fs::is_empty(roots));
}

TEST_F(GatewayEnrolment, GivesNoTokenToAMiddlemanAndKeepsNothingOfHis) {
    const auto ours = test::make_authority("Server CA", system_clock()());
    const std::string pin = "sha256:" + ours.root.certificate.fingerprint();
    for (test::Disguise& disguise : test::disguises(ours.root.certificate, ours.issuing.certificate)) {
        const test::Middleman middleman(ours.root.certificate, disguise.own, disguise.shown);
        const auto enrolled = enroll_at(middleman.url(), pin);
        ASSERT_FALSE(enrolled) << disguise.name;
        EXPECT_EQ(enrolled.error().code, Code::unknown_issuer) << disguise.name;
        EXPECT_EQ(middleman.asked(), 1) << disguise.name;
        EXPECT_EQ(middleman.secrets(), 0) << disguise.name;
        for (const char* file : {"gateway.pem", "gateway.key", "user-ca.pem", "server-ca.pem"}) {
            EXPECT_FALSE(fs::exists(folder_ / file)) << disguise.name << " " << file;
        }
    }
}

TEST_F(GatewayEnrolment, TakesWhatTheRootVouchesFor) {
    const auto ours = test::make_authority("Server CA", system_clock()());
    // One whom the root vouches for: he shows the issuing certificate in the handshake.
    const test::Middleman middleman(ours.root.certificate, ours.issuing, {});
    const auto enrolled = enroll_at(middleman.url(), ours.root.certificate.fingerprint());
    EXPECT_TRUE(enrolled) << enrolled.error().detail;
    EXPECT_EQ(middleman.asked(), 1);
}

}  // namespace
}  // namespace postern::gateway
