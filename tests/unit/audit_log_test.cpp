// The writer: what it leaves on disk, after what, and what it refuses.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "unit/audit_log_fixture.hpp"
#include "unit/file_size_limit.hpp"

namespace postern::audit {
namespace {

TEST_F(AuditLog, IsWholeFromFirstRecordToClose) {
    {
        const auto log = open();
        for (int i = 0; i < 10; ++i) {
            ASSERT_TRUE(log->append(record("alice")).has_value());
        }
    }
    expect_whole();
    EXPECT_EQ(count("alice"), 10U);
    EXPECT_EQ(summary.unsigned_records, 0U);
    EXPECT_EQ(head().sequence, summary.last_sequence);
    struct stat info {};
    ASSERT_EQ(::stat(options.file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(AuditLog, ContinuesItsChainWhenOpenedAgain) {
    for (int i = 0; i < 3; ++i) {
        const auto log = open();
        ASSERT_TRUE(log->append(record("run" + std::to_string(i))).has_value());
    }
    expect_whole();
    EXPECT_EQ(count("audit.started"), 1U);
}

TEST_F(AuditLog, SignsEachSoManyRecords) {
    options.records_per_checkpoint = 10;
    const auto log = open();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(log->append(record("alice")).has_value());
    }
    expect_whole();
    EXPECT_GE(summary.checkpoints, 10U);
    EXPECT_LT(summary.unsigned_records, 10U);
}

TEST_F(AuditLog, SignsAfterRecordsWentQuietAndMovesTheHead) {
    options.checkpoint_after = 20ms;
    const auto log = open();
    ASSERT_TRUE(log->append(record("alice")).has_value());
    for (int i = 0; i < 500 && head().sequence < 4; ++i) {
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(head().sequence, 4U);
    expect_whole();
    EXPECT_EQ(summary.unsigned_records, 0U);
}

TEST_F(AuditLog, LeavesAQuietLogAlone) {
    options.checkpoint_after = 10ms;
    const auto log = open();
    ASSERT_TRUE(log->append(record("alice")).has_value());
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(lines().size(), 4U);
}

TEST_F(AuditLog, KeepsLinesOfManyThreadsApart) {
    const auto log = open();
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&log, t] {
            for (int i = 0; i < 500; ++i) {
                EXPECT_TRUE(log->append(record(fmt::format("user-{}-{}", t, i))).has_value());
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    expect_whole();
    EXPECT_EQ(count("user-"), 4000U);
}

TEST_F(AuditLog, RefusesASecondWriter) {
    const auto log = open();
    const std::string why = open_failure();
    EXPECT_NE(why.find("is being written by another process (test, pid "), std::string::npos) << why;
}

TEST_F(AuditLog, LetsAnotherWriterInWhenTheFirstIsGone) {
    open().reset();
    EXPECT_NE(open(), nullptr);
}

TEST_F(AuditLog, CutsATornLineOffKeepsItAsideAndTellsSo) {
    open().reset();
    append_raw(R"({"@timestamp":"2026-11-)");
    EXPECT_EQ(verify()->kind, FaultKind::torn);
    open().reset();
    expect_whole();
    EXPECT_EQ(count("audit.recovered"), 1U);
    EXPECT_EQ(*read_file(options.file.string() + ".torn-1"), R"({"@timestamp":"2026-11-)");
}

TEST_F(AuditLog, RecoversFromATornFirstLine) {
    open().reset();
    const auto all = lines();
    // As a kill right behind the very first write leaves it.
    fs::remove_all(folder);
    fs::create_directory(folder);
    open().reset();
    for (const auto& name : {"audit.jsonl.head", "audit.jsonl"}) {
        fs::remove(folder / name);
    }
    append_raw(all[0].substr(0, 50));
    open().reset();
    expect_whole();
    EXPECT_EQ(count("audit.started"), 1U);
}

TEST_F(AuditLog, RefusesToGoOnWithATamperedFile) {
    open().reset();
    auto all = lines();
    all[0].replace(all[0].find("\"test\""), 6, "\"tesT\"");
    write(all);
    const std::string why = open_failure();
    EXPECT_NE(why.find("tampered with at line 1"), std::string::npos) << why;
}

TEST_F(AuditLog, RefusesToGoOnWithAFileThatWasCutOff) {
    {
        const auto log = open();
        ASSERT_TRUE(log->append(record("alice")).has_value());
    }
    auto all = lines();
    all.pop_back();
    write(all);
    const std::string why = open_failure();
    EXPECT_NE(why.find("tampered with at line 3"), std::string::npos) << why;
    fs::resize_file(options.file, 0);
    EXPECT_NE(open_failure().find("gone or empty"), std::string::npos);
    fs::remove(options.file);
    EXPECT_NE(open_failure().find("gone or empty"), std::string::npos);
}

TEST_F(AuditLog, RotatesAndGoesOnInTheNextFile) {
    options.rotate_bytes = 4000;
    {
        const auto log = open();
        for (int i = 0; i < 200; ++i) {
            ASSERT_TRUE(log->append(record("alice")).has_value());
            if (i % 20 == 0) {
                std::this_thread::sleep_for(5ms);
            }
        }
    }
    expect_whole();
    EXPECT_GE(rotated_files(options.file).size(), 2U);
    EXPECT_EQ(summary.first_sequence, 1U);
    EXPECT_NE(lines().front().find("\"previous_file\":\"audit.jsonl.2"), std::string::npos);
    open().reset();
    expect_whole();
}

TEST_F(AuditLog, RotatesWhenAskedAndLeavesAFileWithoutRecordsOfItsOwn) {
    for (const Sharing sharing : {Sharing::exclusive, Sharing::shared}) {
        options.sharing = sharing;
        const std::size_t before = rotated_files(options.file).size();
        const auto log = open();
        ASSERT_TRUE(log->append(record("alice")).has_value());
        ASSERT_TRUE(log->rotate().has_value());
        EXPECT_EQ(rotated_files(options.file).size(), before + 1);
        ASSERT_TRUE(log->rotate().has_value());
        EXPECT_EQ(rotated_files(options.file).size(), before + 1) << "there is nothing new in it";
        ASSERT_TRUE(log->append(record("bob")).has_value());
    }
    expect_whole();
}

TEST_F(AuditLog, RootWritesNoLogWhereAnotherUserDecidesWhatStandsThere) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "root alone is led astray";
    }
    open().reset();
    ASSERT_EQ(::chown(folder.c_str(), 54321, 54321), 0);
    EXPECT_NE(open_failure().find("in the hands of another user (uid 54321)"), std::string::npos);
    ASSERT_EQ(::chown(folder.c_str(), 0, 0), 0);
    fs::permissions(folder, static_cast<fs::perms>(0777));
    EXPECT_NE(open_failure().find("chmod go-w"), std::string::npos);
    fs::permissions(folder, static_cast<fs::perms>(0700));
    EXPECT_NE(open(), nullptr);
}

TEST_F(AuditLog, TakesAnotherSizeForItsFilesWhileItRuns) {
    const auto log = open();
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(log->append(record("alice")).has_value());
    }
    EXPECT_TRUE(rotated_files(options.file).empty());
    log->set_rotate_bytes(1000);
    ASSERT_TRUE(log->append(record("alice")).has_value());
    for (int i = 0; i < 1000 && rotated_files(options.file).empty(); ++i) {
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_FALSE(rotated_files(options.file).empty());
}

TEST_F(AuditLog, GoesOnAfterAKillBetweenTheStepsOfARotation) {
    options.rotate_bytes = 4000;
    {
        const auto log = open();
        for (int i = 0; i < 30 && rotated_files(options.file).empty(); ++i) {
            ASSERT_TRUE(log->append(record("alice")).has_value());
            std::this_thread::sleep_for(5ms);
        }
    }
    ASSERT_FALSE(rotated_files(options.file).empty());
    const auto first = lines().front();
    // The new file not made yet; made and empty; with a torn first line. The head then names the closed
    // file's end.
    const auto elder = lines(rotated_files(options.file).back());
    const auto keys = Signer::make(*load_or_make_key(options.key_file));
    const auto link = parse_link(elder.back());
    const auto old_head = format_head({summary.log_id.empty() ? head().log_id : summary.log_id,
                                       link->sequence, pki::sha256_hex(elder.back()), "", "", ""},
                                      *keys);
    for (const char* left : {"absent", "", "{\"@time"}) {
        fs::remove(options.file);
        ASSERT_TRUE(write_file(head_path(options.file), *old_head, 0640).has_value());
        if (left != std::string("absent")) {
            append_raw(left);
        }
        open().reset();
        expect_whole();
    }
}

TEST_F(AuditLog, RefusesToGoOnWithoutItsHeadWhileOlderFilesAreThere) {
    rotate_once();
    for (const char* live : {"absent", ""}) {
        fs::remove(options.file);
        fs::remove(head_path(options.file));
        if (live != std::string("absent")) {
            append_raw(live);
        }
        const std::string why = open_failure();
        EXPECT_NE(why.find("audit.jsonl.head is gone"), std::string::npos) << why;
        EXPECT_NE(why.find("move it all aside and start again"), std::string::npos) << why;
        EXPECT_FALSE(fs::exists(head_path(options.file)));
    }
    // What the refusal says to do.
    fs::create_directory(folder / "evidence");
    fs::remove(options.file);
    for (const auto& elder : rotated_files(options.file)) {
        fs::rename(elder, folder / "evidence" / elder.filename());
    }
    open().reset();
    expect_whole();
    EXPECT_EQ(count("audit.started"), 1U);
}

TEST_F(AuditLog, SaysThatItsHeadIsGoneAndGoesOnWhenItIsPutBack) {
    open().reset();
    const auto text = *read_file(head_path(options.file));
    fs::remove(head_path(options.file));
    const std::string why = open_failure();
    EXPECT_NE(why.find("audit.jsonl.head is gone"), std::string::npos) << why;
    EXPECT_NE(why.find("put it back"), std::string::npos) << why;
    ASSERT_TRUE(write_file(head_path(options.file), text, 0640).has_value());
    open().reset();
    expect_whole();
}

TEST_F(AuditLog, RefusesToGoOnWithTheHeadOfAnotherLog) {
    open().reset();
    const auto foreign = *read_file(head_path(options.file));
    fs::remove(options.file);
    fs::remove(head_path(options.file));
    rotate_once();
    fs::remove(options.file);
    ASSERT_TRUE(write_file(head_path(options.file), foreign, 0640).has_value());
    const std::string why = open_failure();
    EXPECT_NE(why.find("belongs to another log"), std::string::npos) << why;
}

TEST_F(AuditLog, GoesOnWhenItsOlderFilesWereMovedAway) {
    rotate_once();
    for (const auto& elder : rotated_files(options.file)) {
        fs::remove(elder);
    }
    open().reset();
    expect_whole();
    EXPECT_GT(summary.first_sequence, 1U);
}

TEST_F(AuditLog, FollowsAnOutsideRename) {
    const auto log = open();
    ASSERT_TRUE(log->append(record("before")).has_value());
    const fs::path elder = rotated_path(options.file, system_clock()(), 1);
    fs::rename(options.file, elder);
    ASSERT_TRUE(log->reopen().has_value());
    ASSERT_TRUE(log->append(record("after")).has_value());
    expect_whole();
    EXPECT_EQ(count("after"), 1U);
    EXPECT_EQ(count("before"), 0U);
}

TEST_F(AuditLog, RefusesRecordsOnceItsFileIsRemoved) {
    const auto log = open();
    fs::remove(options.file);
    const auto result = log->append(record("alice"));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::audit_unavailable);
}

TEST_F(AuditLog, RefusesRecordsOnceItsFileWasChangedByAnother) {
    const auto log = open();
    append_raw("{}\n");
    EXPECT_FALSE(log->append(record("alice")).has_value());
}

/// A file-size limit stands for a full disk: write(2) is cut short in the same way.
TEST_F(AuditLog, FailsOnAFullDiskStaysWholeAndRecovers) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto log = open();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit full = before;
    full.rlim_cur = fs::file_size(options.file) + 700;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    int written = 0;
    while (written < 10 && log->append(record("alice"))) {
        ++written;
    }
    const auto refused = log->append(record("alice"));
    const auto size = fs::file_size(options.file);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::audit_unavailable);
    EXPECT_LE(size, full.rlim_cur);
    expect_whole();
    ASSERT_TRUE(log->append(record("bertram")).has_value());
    expect_whole();
    EXPECT_EQ(count("alice"), static_cast<std::size_t>(written));
    EXPECT_EQ(count("bertram"), 1U);
}

TEST_F(AuditLog, IsAvailableAgainThoughNobodyAsksForARecord) {
    for (const Sharing sharing : {Sharing::exclusive, Sharing::shared}) {
        options.sharing = sharing;
        const auto log = open();
        EXPECT_TRUE(log->is_available());
        {
            const test::FileSizeLimit full(1);
            ASSERT_FALSE(log->append(record("alice")));
            EXPECT_FALSE(log->is_available());
        }
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!log->is_available() && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        EXPECT_TRUE(log->is_available());
        EXPECT_TRUE(log->append(record("bertram")));
    }
    expect_whole();
    EXPECT_EQ(count("alice"), 0U);
    EXPECT_EQ(count("bertram"), 2U);
}

/// While it lives, this process can open no further file.
class NoMoreFiles {
public:
    NoMoreFiles() {
        // UBSan opens a pipe when it meets a type for the first time: it meets here what a line of log is
        // made of.
        spdlog::warn("event=test.no_more_files file={} reason={}", std::string("any"), std::string("none"));
        ::getrlimit(RLIMIT_NOFILE, &old_);
        // The lowest free number is the first that is refused.
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::close(next);
        const rlimit limit{static_cast<rlim_t>(next), old_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        const int refused = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT_LT(refused, 0) << "the limit does not hold";
        if (refused >= 0) {
            ::close(refused);
        }
    }
    ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &old_); }
    NoMoreFiles(const NoMoreFiles&) = delete;
    NoMoreFiles& operator=(const NoMoreFiles&) = delete;

private:
    rlimit old_{};
};

TEST_F(AuditLog, SyncsRecordsAndSignsThemWhenNoFileCanBeOpened) {
    options.durability = Durability::sync;
    options.records_per_checkpoint = 5;
    {
        const auto log = open();
        {
            const NoMoreFiles full;
            for (int i = 0; i < 20; ++i) {
                EXPECT_TRUE(log->append(record("alice")).has_value());
            }
        }
        EXPECT_TRUE(log->append(record("bertram")).has_value());
    }
    expect_whole();
    EXPECT_EQ(count("alice"), 20U);
    EXPECT_EQ(count("bertram"), 1U);
}

TEST_F(AuditLog, RefusesWhileARotationFindsNoFileAndWorksAgainAfter) {
    for (const Durability durability : {Durability::write, Durability::sync}) {
        options.durability = durability;
        options.rotate_bytes = 4096;
        const auto log = open();
        {
            const NoMoreFiles full;
            Result<void> appended;
            const auto end = std::chrono::steady_clock::now() + 20s;
            while (appended && std::chrono::steady_clock::now() < end) {
                appended = log->append(record("alice"));
                std::this_thread::yield();
            }
            ASSERT_FALSE(appended) << "the file never rotated";
            EXPECT_EQ(appended.error().code, Code::audit_unavailable);
        }
        EXPECT_TRUE(log->append(record("bertram")).has_value());
    }
    expect_whole();
    EXPECT_GE(rotated_files(options.file).size(), 2U);
}

TEST_F(AuditLog, KeepsItsFileWhenTheOneInItsPlaceCannotBeOpened) {
    const auto log = open();
    fs::rename(options.file, folder / "old.jsonl");
    std::ofstream(options.file).flush();
    {
        const NoMoreFiles full;
        EXPECT_FALSE(log->reopen());
        EXPECT_TRUE(log->append(record("alice")).has_value());
    }
    EXPECT_TRUE(log->reopen().has_value());
    EXPECT_TRUE(log->append(record("bertram")).has_value());
    EXPECT_EQ(count("bertram"), 1U);
}

TEST_F(AuditLog, IsWholeAfterKillAtAnyMoment) {
    options.checkpoint_after = 1ms;
    options.records_per_checkpoint = 7;
    options.rotate_bytes = 30000;
    for (int round = 0; round < 25; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto log = Log::open(options, system_clock());
            if (!log) {
                ::_exit(1);
            }
            while (true) {
                (void)(*log)->append(record("alice"));
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3 + round * 3));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the log did not open in round " << round;
    }
    open().reset();
    expect_whole();
}

/// Runs the appends as coroutines of one loop, which must outlive the log.
std::vector<Result<void>> run_appends(Log& log, boost::asio::io_context& loop, int number) {
    loop.restart();
    std::vector<Result<void>> results;
    const auto append_one = [](Log* into, std::vector<Result<void>>* out) -> boost::asio::awaitable<void> {
        Record made;
        made.action = "connection.accepted";
        made.user = "async";
        auto result = co_await into->async_append(std::move(made));
        out->push_back(std::move(result));
    };
    for (int i = 0; i < number; ++i) {
        boost::asio::co_spawn(loop, append_one(&log, &results), boost::asio::detached);
    }
    loop.run();
    return results;
}

TEST_F(AuditLog, SyncsRecordsOfOneMomentTogether) {
    options.durability = Durability::sync;
    const auto log = open();
    const auto results = run_appends(*log, loop, 500);
    EXPECT_EQ(results.size(), 500U);
    for (const auto& result : results) {
        EXPECT_TRUE(result.has_value());
    }
    ASSERT_TRUE(log->append(record("blocking")).has_value());
    expect_whole();
    EXPECT_EQ(count("async"), 500U);
}

TEST_F(AuditLog, TellsCoroutinesWhatFailed) {
    options.durability = Durability::sync;
    const auto log = open();
    fs::remove(options.file);
    const auto results = run_appends(*log, loop, 3);
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[0].error().code, Code::audit_unavailable);
}

TEST_F(AuditLog, AppendsForCoroutinesInAnyMode) {
    for (const auto sharing : {Sharing::exclusive, Sharing::shared}) {
        for (const auto durability : {Durability::write, Durability::sync}) {
            options.sharing = sharing;
            options.durability = durability;
            const auto log = open();
            EXPECT_EQ(run_appends(*log, loop, 10).size(), 10U);
        }
    }
    expect_whole();
    EXPECT_EQ(count("async"), 40U);
}

TEST_F(AuditLog, AppendsSeveralInOrderInAnyMode) {
    options.rotate_bytes = 4000;
    options.records_per_checkpoint = 7;
    for (const auto sharing : {Sharing::exclusive, Sharing::shared}) {
        for (const auto durability : {Durability::write, Durability::sync}) {
            options.sharing = sharing;
            options.durability = durability;
            const auto log = open();
            std::vector<Record> several;
            for (int i = 0; i < 30; ++i) {
                several.push_back(record(fmt::format("one of several {:02}", i)));
            }
            EXPECT_TRUE(log->append(several).has_value());
            EXPECT_TRUE(log->append(std::vector<Record>()).has_value());
        }
    }
    expect_whole();
    auto files = rotated_files(options.file);
    files.push_back(options.file);
    int next = 0;
    for (const auto& file : files) {
        for (const auto& line : lines(file)) {
            if (line.find("one of several") != std::string::npos) {
                EXPECT_NE(line.find(fmt::format("one of several {:02}", next % 30)), std::string::npos);
                ++next;
            }
        }
    }
    EXPECT_EQ(next, 120);
}

}  // namespace
}  // namespace postern::audit
