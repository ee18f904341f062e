// What is refused, on its way to the audit log.
#include <atomic>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/writer_lock.hpp"
#include "base/json.hpp"
#include "ca-service/refusal_records.hpp"
#include "net/event_loops.hpp"
#include "unit/ca_support.hpp"
#include "unit/file_size_limit.hpp"

namespace postern::ca {
namespace {

class RefusalRecordsTest : public testing::Test {
protected:
    std::unique_ptr<audit::Log> open_log() const {
        audit::LogOptions options;
        options.file = file_;
        options.key_file = directory_.path() / "audit.key";
        options.sharing = audit::Sharing::shared;
        return audit::Log::open(options, system_clock()).value();
    }
    static audit::Record refused() {
        audit::Record record;
        record.action = "login.failed";
        record.is_success = false;
        record.reason = Code::limit_reached;
        return record;
    }
    static boost::asio::awaitable<void> append_and_count(RefusalRecords& records,
                                                         std::atomic<std::size_t>& done,
                                                         std::optional<audit::Bearer> bearer = std::nullopt) {
        auto appending = records.async_append(refused(), std::move(bearer));
        co_await std::move(appending);
        ++done;
        done.notify_one();
    }
    static void wait_for(const std::atomic<std::size_t>& done, std::size_t count) {
        for (std::size_t seen = done; seen < count; seen = done) {
            done.wait(seen);
        }
    }
    /// So many refusals, each recorded or counted when it returns.
    void refuse(RefusalRecords& records, std::size_t count,
                const std::optional<audit::Bearer>& bearer = std::nullopt) {
        asked_ += count;
        for (std::size_t i = 0; i < count; ++i) {
            net::spawn(loops_.at(0), "test", append_and_count(records, done_, bearer));
        }
        wait_for(done_, asked_);
    }
    /// How many have a record of their own, and how many are told of in those of others.
    std::pair<std::size_t, std::size_t> told() const {
        std::pair<std::size_t, std::size_t> told;
        std::istringstream log(test::read(file_));
        for (std::string line; std::getline(log, line);) {
            const auto record = parse_json(line);
            told.first += record["event"]["action"] == "login.failed" ? 1 : 0;
            told.second += record["postern"].value("more", std::size_t{0});
        }
        return told;
    }

    test::TemporaryDirectory directory_;
    const std::filesystem::path file_ = directory_.path() / "audit.jsonl";
    net::EventLoops loops_{1};
    std::atomic<std::size_t> done_ = 0;
    std::size_t asked_ = 0;
};

TEST_F(RefusalRecordsTest, BeyondTheBudgetAreToldTogether) {
    const auto log = open_log();
    RefusalRecords records(*log, 3);
    loops_.start();
    records.tell_of_others();
    refuse(records, 10);
    EXPECT_EQ(told(), std::pair(std::size_t{3}, std::size_t{0}));
    records.tell_of_others();
    records.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{3}, std::size_t{7}));
    loops_.stop();
}

TEST_F(RefusalRecordsTest, OfBearersAreTheirOwnAndStrangersTakeNoneOfThem) {
    const auto log = open_log();
    RefusalRecords records(*log, 3);
    loops_.start();
    refuse(records, 20);
    refuse(records, 15, audit::Bearer{"01", "ann"});
    EXPECT_EQ(told().first, 3U + 10U);
    records.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{13}, std::size_t{17 + 5}));
    EXPECT_NE(test::read(file_).find(R"("more_of":[{"count":5,"serial":"01","user":"ann"}])"),
              std::string::npos)
        << test::read(file_);
    loops_.stop();
}

TEST_F(RefusalRecordsTest, WhatCannotBeWrittenIsToldOfWhenItCan) {
    const auto log = open_log();
    RefusalRecords records(*log, 3);
    loops_.start();
    {
        const postern::test::FileSizeLimit full(std::filesystem::file_size(file_));
        refuse(records, 2);
        records.tell_of_others();
    }
    EXPECT_EQ(told(), std::pair(std::size_t{0}, std::size_t{0}));
    records.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{0}, std::size_t{2}));
    loops_.stop();
}

TEST_F(RefusalRecordsTest, DoNotWaitForTheDiskInAnyNumber) {
    constexpr std::size_t kAll = 1500;
    net::EventLoops loops(1);
    const auto log = open_log();
    RefusalRecords records(*log, kAll);
    auto lock = audit::WriterLock::open(file_).value();
    ASSERT_TRUE(lock.acquire(std::chrono::seconds(5), "test"));
    std::atomic<std::size_t> done = 0;
    for (std::size_t i = 0; i < kAll; ++i) {
        net::spawn(loops.at(0), "test", append_and_count(records, done));
    }
    loops.start();
    wait_for(done, kAll - 1024);
    EXPECT_EQ(done, kAll - 1024) << "the others wait for the lock";
    lock.release();
    wait_for(done, kAll);
    records.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{1024}, kAll - 1024));
    loops.stop();
}

}  // namespace
}  // namespace postern::ca
