// Enrolment on the gateway, as far as it goes without a CA service.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/enroll_command.hpp"
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
    std::string refusal() const {
        const auto enrolled = enroll(Enrolment{folder_ / "gateway.toml", "", "sha256:" + std::string(64, '0'),
                                               Secret(std::string_view("t"))});
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

}  // namespace
}  // namespace postern::gateway
