// Where the agent is found, in environments that are another's.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason.hpp"
#include "client-proxy/control/runtime_folder.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "unit/client_support.hpp"

namespace postern::client::control {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RuntimeFolderTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char* name : {"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "RUNTIME_DIRECTORY", "HOME"}) {
            const char* const value = std::getenv(name);
            before_.emplace_back(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
            ::unsetenv(name);
        }
        ::setenv("XDG_STATE_HOME", (folder_.path() / "state").c_str(), 1);
    }
    void TearDown() override {
        for (const auto& [name, value] : before_) {
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
        }
    }
    fs::path fallback() const {
        const fs::path usual = "/run/user/" + std::to_string(::geteuid());
        return fs::is_directory(usual) ? usual / "postern" : folder_.path() / "state" / "postern" / "run";
    }
    void expect_passed_over(const fs::path& given, const std::string& why) {
        ::setenv("XDG_RUNTIME_DIR", given.c_str(), 1);
        const auto opened = RuntimeFolder::open();
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        EXPECT_EQ(opened->path(), fallback());
        EXPECT_THAT(opened->passed_over(), HasSubstr(given.string()));
        EXPECT_THAT(opened->passed_over(), HasSubstr(why));
        struct stat info {};
        ASSERT_EQ(::stat(opened->path().c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 07777U, 0700U);
        EXPECT_EQ(info.st_uid, ::geteuid());
    }

    Folder folder_;
    std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST_F(RuntimeFolderTest, IsTheGivenOneWhereThatCanBeUsed) {
    ::setenv("XDG_RUNTIME_DIR", (folder_.path() / "run").c_str(), 1);
    const auto opened = RuntimeFolder::open();
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->path(), folder_.path() / "run" / "postern");
    EXPECT_EQ(opened->passed_over(), "");
}

TEST_F(RuntimeFolderTest, PassesOverOneThatCannotBeMade) {
    expect_passed_over("/proc/nowhere", "cannot create");
}

TEST_F(RuntimeFolderTest, PassesOverOneThatIsALink) {
    const fs::path given = folder_.path() / "given";
    fs::create_directories(given);
    fs::create_directories(folder_.path() / "elsewhere");
    fs::create_directory_symlink(folder_.path() / "elsewhere", given / "postern");
    expect_passed_over(given, "no folder");
}

TEST_F(RuntimeFolderTest, PassesOverOneThatIsOpenToOthers) {
    const fs::path given = folder_.path() / "given";
    fs::create_directories(given / "postern");
    fs::permissions(given / "postern", fs::perms(0755));
    expect_passed_over(given, "others may look");
}

TEST_F(RuntimeFolderTest, PassesOverAnotherUsersAndLeavesNothingThere) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a folder away";
    }
    const fs::path given = folder_.path() / "given";
    fs::create_directories(given);
    ASSERT_EQ(::chown(given.c_str(), 54321, 54321), 0);
    expect_passed_over(given, "another user");
    EXPECT_TRUE(fs::is_empty(given));
}

TEST_F(RuntimeFolderTest, ThatIsNowhereIsAConfigurationThatCannotWork) {
    ::setenv("XDG_RUNTIME_DIR", "/proc/nowhere", 1);
    ::setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
    if (fs::is_directory("/run/user/" + std::to_string(::geteuid()))) {
        GTEST_SKIP() << "this machine has one";
    }
    const auto opened = RuntimeFolder::open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_THAT(opened.error().detail, HasSubstr("/proc/nowhere"));
    EXPECT_EQ(reason_of(folder_refusal(opened.error()).code).exit_code, 3);
    EXPECT_EQ(reason_of(folder_refusal({Code::io_failed, "x"}).code).exit_code, 3);
}

}  // namespace
}  // namespace postern::client::control
