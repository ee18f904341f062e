// postern-ca as root, in a folder of the service's user, who may have been taken over: nothing that stands
// there leads root to what that user could not reach.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "unit/ca_service_fixture.hpp"
#include "unit/in_child.hpp"

namespace postern::ca {
namespace {

namespace fs = std::filesystem;
using postern::test::BackgroundChild;
using postern::test::give;
using postern::test::in_child;
using postern::test::kService;
using postern::test::owner_of;
using testing::HasSubstr;

class CaAsRoot : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    fs::path ca_ = directory_.path() / "ca";
    /// Of root alone.
    fs::path roots_ = directory_.path() / "roots";

    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "only root can become somebody else";
        }
        fs::permissions(directory_.path(), static_cast<fs::perms>(0755));
        fs::create_directory(roots_);
        fs::permissions(roots_, static_cast<fs::perms>(0755));
        ASSERT_EQ(run({"--dir", ca_, "init", "--name", "localhost"}).exit_code, 0);
    }
    void give_to_the_service() const { give(ca_, kService); }
    /// What the program, started by root, says and returns.
    Ran as_root(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"postern-ca", "--dir", ca_});
        std::vector<char*> argv;
        for (std::string& argument : arguments) {
            argv.push_back(argument.data());
        }
        argv.push_back(nullptr);
        const std::string out = directory_.path() / "out";
        const std::string err = directory_.path() / "err";
        const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        Ran ran;
        ran.exit_code = in_child([&] {
            ::dup2(input, 0);
            ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), 1);
            ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), 2);
            const int code = commands::run(static_cast<int>(arguments.size()), argv.data());
            std::fflush(nullptr);
            return code;
        });
        ::close(input);
        ran.out = test::read(out);
        ran.err = test::read(err);
        return ran;
    }
    Ran make_token() const { return as_root({"token", "create", "--gateway", "gw1", "--dns", "localhost"}); }
    /// Nothing of anybody but root is in root's folder, and nothing but what the test put there.
    std::set<std::string> in_roots_folder() const {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(roots_)) {
            names.insert(entry.path().filename());
            EXPECT_EQ(owner_of(entry.path()), 0U) << entry.path();
        }
        return names;
    }
    void write_config(const std::string& audit) const {
        std::string text = test::read(ca_ / "ca.toml");
        text.replace(text.find("[audit]"), 7, "[audit]\n" + audit);
        test::write(ca_ / "ca.toml", text);
    }
};

TEST_F(CaAsRoot, WhatACommandMakesInTheServicesFolderIsTheServicesAndTheRecordNamesRoot) {
    give_to_the_service();
    const Ran made = make_token();
    ASSERT_EQ(made.exit_code, 0) << made.err;
    for (const auto& entry : fs::recursive_directory_iterator(ca_)) {
        EXPECT_EQ(owner_of(entry.path()), kService) << entry.path();
    }
    std::istringstream log(test::read(ca_ / "audit.jsonl"));
    nlohmann::json last;
    for (std::string line; std::getline(log, line);) {
        const auto record = parse_json(line);
        if (record["event"]["action"] == "admin.token_created") {
            last = record;
        }
    }
    EXPECT_EQ(last["postern"]["claimed"]["uid"], 0);
    EXPECT_EQ(last["postern"]["claimed"]["account"], "root");
}

TEST_F(CaAsRoot, AFolderOfRootsStaysRoots) {
    const Ran made = make_token();
    ASSERT_EQ(made.exit_code, 0) << made.err;
    for (const auto& entry : fs::recursive_directory_iterator(ca_)) {
        EXPECT_EQ(owner_of(entry.path()), 0U) << entry.path();
    }
}

TEST_F(CaAsRoot, ANewCaInAFolderOfTheServiceIsTheServices) {
    const fs::path other = directory_.path() / "other";
    fs::create_directory(other);
    give(other, kService);
    ca_ = other / "ca";
    const Ran made = as_root({"init", "--name", "localhost"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    for (const auto& entry : fs::recursive_directory_iterator(other)) {
        EXPECT_EQ(owner_of(entry.path()), kService) << entry.path();
    }
}

TEST_F(CaAsRoot, AConfigurationOfTheServiceMakesNoFileElsewhere) {
    write_config("key = \"" + (roots_ / "audit.key").string() + "\"");
    give_to_the_service();
    EXPECT_NE(make_token().exit_code, 0);
    EXPECT_EQ(in_roots_folder(), std::set<std::string>{});
}

TEST_F(CaAsRoot, AStoreThatIsALinkToAFileOfRootsIsNotWritten) {
    test::write(roots_ / "precious", "");
    fs::permissions(roots_ / "precious", static_cast<fs::perms>(0600));
    fs::remove(ca_ / "state.db");
    fs::create_symlink(roots_ / "precious", ca_ / "state.db");
    give_to_the_service();
    EXPECT_NE(as_root({"user", "list"}).exit_code, 0);
    EXPECT_NE(make_token().exit_code, 0);
    EXPECT_EQ(test::read(roots_ / "precious"), "");
    EXPECT_EQ(in_roots_folder(), std::set<std::string>{"precious"});
}

TEST_F(CaAsRoot, AFolderThatIsSwappedForALinkAllTheTimeLeadsNowhere) {
    fs::create_directory(ca_ / "log");
    write_config("file = \"log/audit.jsonl\"\nkey = \"log/audit.key\"");
    fs::create_symlink(roots_, ca_ / "link");
    give_to_the_service();
    {
        const BackgroundChild swapping([folder = (ca_ / "log").string(), link = (ca_ / "link").string()] {
            ::syscall(SYS_renameat2, AT_FDCWD, folder.c_str(), AT_FDCWD, link.c_str(), 2 /*RENAME_EXCHANGE*/);
        });
        // A command that finds another folder than before waits for the log's lock, seconds each.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        for (int i = 0; i < 60 && std::chrono::steady_clock::now() < end; ++i) {
            make_token();
        }
    }
    EXPECT_EQ(in_roots_folder(), std::set<std::string>{});
}

TEST_F(CaAsRoot, CommandsThatOnlyLookWorkWhereNothingMayBeWrittenAndOthersSayWhy) {
    give_to_the_service();
    ASSERT_EQ(make_token().exit_code, 0);
    for (const auto& entry : fs::recursive_directory_iterator(ca_)) {
        fs::permissions(entry.path(), static_cast<fs::perms>(0400));
    }
    fs::permissions(ca_, static_cast<fs::perms>(0500));
    const Ran listed = as_root({"token", "list"});
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    EXPECT_THAT(listed.out, HasSubstr("gw1"));
    const Ran refused = as_root({"group", "add", "alice", "dba"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, testing::Not(HasSubstr("sqlite3_statement_backend")));
    EXPECT_THAT(refused.err, HasSubstr("hint: "));
}

/// In a mount namespace of its own: the folder of the CA on a small disk of its own.
int on_a_small_disk(const fs::path& ca, const std::function<int()>& act) {
    return in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            return 77;
        }
        const fs::path aside = ca.string() + ".aside";
        fs::rename(ca, aside);
        fs::create_directory(ca);
        if (::mount("none", ca.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
            return 77;
        }
        fs::copy(aside, ca, fs::copy_options::recursive);
        return act();
    });
}

TEST_F(CaAsRoot, AFullDiskLetsListsThroughAndIsNamedToWhatWrites) {
    const int code = on_a_small_disk(ca_, [&] {
        for (const char* leftover : {"state.db-wal", "state.db-shm"}) {
            fs::remove(ca_ / leftover);
        }
        std::ofstream fill(ca_ / "fill");
        const std::string block(4096, 'x');
        while (fill << block << std::flush) {
        }
        const Ran listed = as_root({"user", "list"});
        EXPECT_EQ(listed.exit_code, 0) << listed.err;
        const Ran refused = make_token();
        EXPECT_EQ(refused.exit_code, 1);
        EXPECT_THAT(refused.err,
                    testing::AnyOf(HasSubstr("the disk is full"), HasSubstr("No space left on device")));
        EXPECT_THAT(refused.err, testing::Not(HasSubstr("while executing")));
        return testing::Test::HasFailure() ? 1 : 0;
    });
    if (code == 77) {
        GTEST_SKIP() << "this root may mount nothing";
    }
    EXPECT_EQ(code, 0);
}

TEST_F(CaAsRoot, ADiskThatIsMountedReadOnlyLetsListsThroughAndIsNamedToWhatWrites) {
    const int code = on_a_small_disk(ca_, [&] {
        for (const char* leftover : {"state.db-wal", "state.db-shm"}) {
            fs::remove(ca_ / leftover);
        }
        if (::mount(nullptr, ca_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
            return 77;
        }
        const Ran listed = as_root({"user", "list"});
        EXPECT_EQ(listed.exit_code, 0) << listed.err;
        const Ran refused = make_token();
        EXPECT_EQ(refused.exit_code, 1);
        EXPECT_THAT(refused.err,
                    testing::AnyOf(HasSubstr("may only be read"), HasSubstr("Read-only file system")));
        EXPECT_THAT(refused.err, testing::Not(HasSubstr("while executing")));
        return testing::Test::HasFailure() ? 1 : 0;
    });
    if (code == 77) {
        GTEST_SKIP() << "this root may mount nothing";
    }
    EXPECT_EQ(code, 0);
}

TEST_F(CaAsRoot, AStoreThatIsNoDatabaseIsNamedAsSuch) {
    test::write(ca_ / "state.db", std::string(8192, 'x'));
    for (const char* leftover : {"state.db-wal", "state.db-shm"}) {
        fs::remove(ca_ / leftover);
    }
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"user", "list"},
          {"token", "create", "--gateway", "gw1", "--dns", "localhost"}}) {
        const Ran refused = as_root(command);
        EXPECT_EQ(refused.exit_code, 1);
        EXPECT_THAT(refused.err, HasSubstr("it is no SQLite database"));
        EXPECT_THAT(refused.err, HasSubstr("backup"));
    }
}

TEST_F(CaAsRoot, AFolderThatSeveralUsersDecideAboutIsLeftAlone) {
    fs::permissions(ca_, static_cast<fs::perms>(0777));
    const Ran open = as_root({"user", "list"});
    EXPECT_EQ(open.exit_code, 1);
    EXPECT_THAT(open.err, HasSubstr("chmod go-w " + ca_.string()));
    fs::permissions(ca_, static_cast<fs::perms>(0700));
    EXPECT_EQ(as_root({"user", "list"}).exit_code, 0);
    const fs::path outer = directory_.path() / "outer";
    fs::create_directory(outer);
    fs::rename(ca_, outer / "ca");
    ca_ = outer / "ca";
    ASSERT_EQ(::chown(outer.c_str(), kService, kService), 0);
    const Ran inside = as_root({"user", "list"});
    EXPECT_EQ(inside.exit_code, 1);
    EXPECT_THAT(inside.err, HasSubstr("could put another in its place"));
}

TEST_F(CaAsRoot, AConfigurationOfAnotherUserIsNotBelievedForAFolderOfRoots) {
    const fs::path config = directory_.path() / "mine.toml";
    fs::copy(ca_ / "ca.toml", config);
    EXPECT_EQ(as_root({"--config", config, "check-config"}).exit_code, 0);
    ASSERT_EQ(::chown(config.c_str(), kService, kService), 0);
    const Ran refused = as_root({"--config", config, "check-config"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("another user"));
}

TEST_F(CaAsRoot, AFolderBehindOneThatOnlyRootMayPassIsReachedAsItsOwner) {
    if (in_child([] { return ::unshare(CLONE_NEWNS) == 0 ? 0 : 1; }) != 0) {
        GTEST_SKIP() << "this root may have no mount namespace of its own";
    }
    const fs::path closed = directory_.path() / "private";
    fs::create_directory(closed);
    fs::permissions(closed, static_cast<fs::perms>(0700));
    fs::rename(ca_, closed / "ca");
    fs::create_symlink("private/ca", ca_);
    give(closed / "ca", kService);
    const Ran made = make_token();
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(owner_of(closed / "ca" / "state.db"), kService);
    const Ran listed = as_root({"token", "list"});
    EXPECT_THAT(listed.out, HasSubstr("gw1"));
    EXPECT_EQ(fs::status(closed).permissions(), static_cast<fs::perms>(0700))
        << "for others all is as it was";
}

}  // namespace
}  // namespace postern::ca
