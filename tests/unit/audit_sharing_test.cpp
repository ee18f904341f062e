// A log that several processes write: they wait for each other, and for nothing that is not theirs.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "audit/writer_lock.hpp"
#include "net/event_loops.hpp"
#include "unit/audit_log_fixture.hpp"
#include "unit/file_size_limit.hpp"

/// A disk on which nothing can be cut off while a test says so. In place of the C library's.
static std::atomic<bool> cannot_truncate = false;
extern "C" int ftruncate(int fd, off_t size) noexcept {
    if (cannot_truncate) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

namespace postern::audit {
namespace {

class AuditSharing : public AuditLog {
protected:
    AuditSharing() { options.sharing = Sharing::shared; }
};

TEST_F(AuditSharing, LosesNothingBetweenProcesses) {
    options.records_per_checkpoint = 50;
    std::vector<pid_t> children;
    for (int c = 0; c < 3; ++c) {
        const pid_t child = ::fork();
        if (child == 0) {
            int failures = 0;
            {
                auto log = Log::open(options, system_clock());
                for (int i = 0; i < 200 && log; ++i) {
                    failures += (*log)->append(record(fmt::format("child-{}-{}", c, i))) ? 0 : 1;
                }
                failures += log ? 0 : 1;
            }
            ::_exit(failures == 0 ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    expect_whole();
    EXPECT_EQ(count("child-"), 600U);
    EXPECT_EQ(summary.unsigned_records, 0U);
}

TEST_F(AuditSharing, RotatesBetweenProcesses) {
    options.rotate_bytes = 20000;
    const auto a = open();
    const auto b = open();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(a->append(record("a")).has_value());
        ASSERT_TRUE(b->append(record("b")).has_value());
    }
    expect_whole();
    EXPECT_GE(rotated_files(options.file).size(), 2U);
}

/// In any order, and with whatever is put in their place, the writer that runs does not begin anew.
TEST_F(AuditSharing, RefusesSharedRecordsOnceItsFileAndHeadAreGone) {
    for (const bool has_elders : {false, true}) {
        for (const char* live : {"absent", ""}) {
            if (has_elders) {
                rotate_once();
            }
            const auto log = open();
            ASSERT_TRUE(log->append(record("alice")).has_value());
            fs::remove(options.file);
            fs::remove(head_path(options.file));
            if (live != std::string("absent")) {
                append_raw(live);
            }
            for (int i = 0; i < 3; ++i) {
                const auto refused = log->append(record("bertram"));
                ASSERT_FALSE(refused.has_value()) << has_elders << " '" << live << "'";
                EXPECT_EQ(refused.error().code, Code::audit_unavailable);
                EXPECT_NE(refused.error().detail.find("start again"), std::string::npos)
                    << refused.error().detail;
            }
            EXPECT_FALSE(fs::exists(head_path(options.file)));
            EXPECT_EQ(lines().size(), 0U);
            fs::remove(options.file);
            for (const auto& elder : rotated_files(options.file)) {
                fs::remove(elder);
            }
        }
    }
}

TEST_F(AuditSharing, RefusesSharedRecordsOnceAnotherOrAnOlderLogIsInItsPlace) {
    const auto log = open();
    ASSERT_TRUE(log->append(record("alice")).has_value());
    const auto older_file = *read_file(options.file);
    const auto older_head = *read_file(head_path(options.file));
    ASSERT_TRUE(log->append(record("bertram")).has_value());
    const auto newer_file = *read_file(options.file);
    const auto newer_head = *read_file(head_path(options.file));
    const auto put = [&](const std::string& file, const std::string& head) {
        ASSERT_TRUE(write_file(options.file, file, 0640).has_value());
        ASSERT_TRUE(write_file(head_path(options.file), head, 0640).has_value());
    };
    put(older_file, older_head);
    EXPECT_NE(log->append(record("carol")).error().detail.find("put it back"), std::string::npos);
    EXPECT_EQ(*read_file(options.file), older_file);
    fs::remove(options.file);
    fs::remove(head_path(options.file));
    open().reset();
    EXPECT_NE(log->append(record("carol")).error().detail.find("put it back"), std::string::npos);
    EXPECT_EQ(count("carol"), 0U);
    // What was in its place comes back.
    put(newer_file, newer_head);
    EXPECT_TRUE(log->append(record("carol")).has_value());
    expect_whole();
}

TEST_F(AuditSharing, APartOfALineThatCouldNotBeTakenBackCostsOthersNoRecord) {
    const auto one = open();
    const auto other = open();
    ASSERT_TRUE(one->append(record("alice")).has_value());
    {
        const test::FileSizeLimit full(fs::file_size(options.file) + 40);
        cannot_truncate = true;
        EXPECT_FALSE(one->append(record("bertram")).has_value());
        cannot_truncate = false;
    }
    ASSERT_TRUE(other->append(record("carol")).has_value());
    ASSERT_TRUE(one->append(record("daniel")).has_value());
    EXPECT_EQ(count("carol"), 1U);
    EXPECT_EQ(count("daniel"), 1U);
    expect_whole();
}

boost::asio::awaitable<void> append_one(Log& log, std::atomic<int>& failed) {
    Record made;
    made.action = "connection.accepted";
    auto appending = log.async_append(std::move(made));
    const Result<void> appended = co_await std::move(appending);
    failed += appended ? 0 : 1;
}

boost::asio::awaitable<void> pass_by(std::atomic<bool>& has_passed) {
    has_passed = true;
    has_passed.notify_one();
    co_return;
}

TEST_F(AuditSharing, NoLoopWaitsForAnotherProcess) {
    net::EventLoops loops(1);
    auto log = open();
    auto lock = WriterLock::open(options.file).value();
    ASSERT_TRUE(lock.acquire(1s, "test"));
    std::atomic<int> failed = 0;
    for (int i = 0; i < 3; ++i) {
        net::spawn(loops.at(0), "append", append_one(*log, failed));
    }
    const auto start = std::chrono::steady_clock::now();
    loops.start();
    // The others' thread is in the middle of waiting, when one more is to be appended.
    std::this_thread::sleep_for(100ms);
    std::atomic<bool> has_passed = false;
    net::spawn(loops.at(0), "append", append_one(*log, failed));
    net::spawn(loops.at(0), "pass", pass_by(has_passed));
    has_passed.wait(false);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4s) << "a writer is given five";
    lock.release();
    log.reset();
    EXPECT_EQ(failed, 0);
    loops.stop();
}

TEST_F(AuditSharing, RecordsBehindOneThatWaitedInVainDoNotWaitAsLong) {
    const auto log = open();
    auto lock = WriterLock::open(options.file).value();
    ASSERT_TRUE(lock.acquire(1s, "test"));
    EXPECT_FALSE(log->append(record("alice")));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(log->append(record("alice")).error().code, Code::audit_unavailable);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4s) << "the first one has waited five";
    lock.release();
    EXPECT_TRUE(log->append(record("alice")));
    EXPECT_EQ(count("alice"), 1U);
}

}  // namespace
}  // namespace postern::audit
