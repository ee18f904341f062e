// What root believes of a path.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "base/folder_owner.hpp"
#include "base/trusted_path.hpp"
#include "unit/in_child.hpp"

namespace postern {
namespace {

namespace fs = std::filesystem;
using test::give;
using test::in_child;
using test::kService;
using test::owner_of;

class TrustedPathOfRoot : public testing::Test {
protected:
    fs::path folder_;
    fs::path theirs_;
    fs::path roots_;

    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "root alone walks like this";
        }
        std::string name = (fs::temp_directory_path() / "postern-trusted-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        fs::permissions(folder_, static_cast<fs::perms>(0755));
        theirs_ = folder_ / "theirs";
        roots_ = folder_ / "roots";
        fs::create_directory(roots_);
        fs::create_directories(theirs_ / "inner");
        give(theirs_, kService);
    }
    void TearDown() override {
        if (!folder_.empty()) {
            fs::remove_all(folder_);
        }
    }
};

TEST_F(TrustedPathOfRoot, FollowsALinkOfRootsAndNoneOfAnothersMaking) {
    fs::create_symlink("theirs/inner", folder_ / "link");
    const auto by_root = walk_trusted(folder_ / "link");
    ASSERT_TRUE(by_root) << by_root.error().detail;
    EXPECT_EQ(by_root->reached, theirs_ / "inner");
    EXPECT_EQ(by_root->others, std::vector<uid_t>{kService});
    fs::create_symlink(roots_, theirs_ / "link");
    EXPECT_EQ(walk_trusted(theirs_ / "link").error().code, Code::config_invalid)
        << "root made it, but in their folder";
    fs::create_symlink(roots_, folder_ / "foreign");
    ASSERT_EQ(::lchown((folder_ / "foreign").c_str(), kService, kService), 0);
    EXPECT_EQ(walk_trusted(folder_ / "foreign" / "x").error().code, Code::config_invalid);
    EXPECT_EQ(walk_trusted(theirs_ / ".." / "roots").error().code, Code::config_invalid);
    EXPECT_TRUE(walk_trusted(roots_ / ".." / "roots"));
}

TEST_F(TrustedPathOfRoot, SaysWhatIsMissingAndWhoDecides) {
    const auto way = walk_trusted(roots_ / "a" / "b");
    ASSERT_TRUE(way);
    EXPECT_EQ(way->missing, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(check_only_root_decides(roots_ / "a" / "b"));
    EXPECT_EQ(check_only_root_decides(theirs_ / "a").error().code, Code::config_invalid);
    fs::permissions(roots_, static_cast<fs::perms>(0777));
    EXPECT_EQ(check_only_root_decides(roots_ / "a").error().code, Code::config_invalid);
    fs::permissions(roots_, static_cast<fs::perms>(01777));
    EXPECT_TRUE(check_only_root_decides(roots_ / "a")) << "sticky, as /tmp is";
}

TEST_F(TrustedPathOfRoot, NoFileOfRootsIsWrittenThroughALinkInAFolderOfAnother) {
    fs::create_symlink(roots_, theirs_ / "link");
    EXPECT_FALSE(write_file(theirs_ / "link" / "server.key", "key", 0600));
    EXPECT_FALSE(FileBatch::check(theirs_ / "link" / "server.key"));
    FileBatch batch;
    EXPECT_FALSE(
        batch.add(theirs_ / "link" / "server.pem", "pem", 0644, FileBatch::Owner{kService, kService}));
    EXPECT_FALSE(create_directory(theirs_ / "link" / "new", 0700));
    EXPECT_TRUE(fs::is_empty(roots_));
    // The file itself goes where it was meant to go, as before.
    EXPECT_TRUE(write_file(theirs_ / "inner" / "server.key", "key", 0600));
    fs::create_symlink(roots_ / "target", theirs_ / "server.pem");
    EXPECT_TRUE(write_file(theirs_ / "server.pem", "pem", 0644));
    EXPECT_TRUE(fs::is_empty(roots_)) << "a link in the file's place is replaced";
}

TEST_F(TrustedPathOfRoot, AFolderThatIsSwappedBehindItsBackGetsTheFileOrNobodyDoes) {
    FileBatch batch;
    ASSERT_TRUE(
        batch.add(theirs_ / "inner" / "server.key", "key", 0600, FileBatch::Owner{kService, kService}));
    fs::rename(theirs_ / "inner", theirs_ / "aside");
    fs::create_symlink(roots_, theirs_ / "inner");
    ASSERT_TRUE(batch.put());
    EXPECT_TRUE(fs::is_empty(roots_));
    EXPECT_EQ(owner_of(theirs_ / "aside" / "server.key"), kService);
}

TEST_F(TrustedPathOfRoot, AFolderThatIsSwappedForALinkAllTheTimeGetsTheFilesOrNobodyDoes) {
    fs::create_symlink(roots_, theirs_ / "link");
    std::atomic<bool> is_over = false;
    std::thread swapping([&] {
        constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
        while (!is_over) {
            ::syscall(SYS_renameat2, AT_FDCWD, (theirs_ / "inner").c_str(), AT_FDCWD,
                      (theirs_ / "link").c_str(), kExchange);
        }
    });
    int written = 0;
    for (int i = 0; i < 200; ++i) {
        FileBatch batch;
        const bool is_added =
            batch.add(theirs_ / "inner" / "server.key", "key", 0600, FileBatch::Owner{kService, kService}) &&
            batch.add(theirs_ / "inner" / "server.pem", "pem", 0644, FileBatch::Owner{kService, kService});
        written += is_added && batch.put() ? 1 : 0;
        EXPECT_FALSE(create_directory(theirs_ / "inner" / "new" / "newer", 0700) &&
                     fs::exists(roots_ / "new"));
    }
    is_over = true;
    swapping.join();
    EXPECT_TRUE(fs::is_empty(roots_));
    EXPECT_GT(written, 0);
}

TEST_F(TrustedPathOfRoot, BecomesTheOwnerForGoodAndNothingElse) {
    EXPECT_EQ(in_child([&] {
                  if (!become_owner_of(theirs_ / "inner")) {
                      return 1;
                  }
                  uid_t real = 0, effective = 0, saved = 0;
                  ::getresuid(&real, &effective, &saved);
                  if (real != kService || effective != kService || saved != kService) {
                      return 2;
                  }
                  if (::setuid(0) == 0 || ::getgid() == 0 || invoking_user() != 0) {
                      return 3;
                  }
                  return ::open((roots_ / "x").c_str(), O_WRONLY | O_CREAT, 0600) < 0 ? 0 : 4;
              }),
              0);
    EXPECT_EQ(in_child([&] { return become_owner_of(roots_) && ::geteuid() == 0 ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace postern
