// What strangers are refused, on its way to the audit log.
#include <atomic>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/writer_lock.hpp"
#include "ca-service/stranger_records.hpp"
#include "net/event_loops.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca {
namespace {

class StrangerRecordsTest : public testing::Test {
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
    static boost::asio::awaitable<void> append_and_count(StrangerRecords& strangers,
                                                         std::atomic<std::size_t>& done) {
        auto appending = strangers.async_append(refused());
        co_await std::move(appending);
        ++done;
        done.notify_one();
    }
    static void wait_for(const std::atomic<std::size_t>& done, std::size_t count) {
        for (std::size_t seen = done; seen < count; seen = done) {
            done.wait(seen);
        }
    }
    /// How many have a record of their own, and how many are told of in those of others.
    std::pair<std::size_t, std::size_t> told() const {
        std::pair<std::size_t, std::size_t> told;
        std::istringstream log(test::read(file_));
        for (std::string line; std::getline(log, line);) {
            const auto record = nlohmann::json::parse(line);
            told.first += record["event"]["action"] == "login.failed" ? 1 : 0;
            told.second += record["postern"].value("more", std::size_t{0});
        }
        return told;
    }

    test::TemporaryDirectory directory_;
    const std::filesystem::path file_ = directory_.path() / "audit.jsonl";
};

TEST_F(StrangerRecordsTest, BeyondTheBudgetAreToldTogether) {
    const auto log = open_log();
    StrangerRecords strangers(*log, 3);
    strangers.tell_of_others();
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(strangers.append(refused()));
    }
    EXPECT_EQ(told(), std::pair(std::size_t{3}, std::size_t{0}));
    strangers.tell_of_others();
    strangers.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{3}, std::size_t{7}));
}

TEST_F(StrangerRecordsTest, DoNotWaitForTheDiskInAnyNumber) {
    constexpr std::size_t kAll = 1500;
    net::EventLoops loops(1);
    const auto log = open_log();
    StrangerRecords strangers(*log, kAll);
    auto lock = audit::WriterLock::open(file_).value();
    ASSERT_TRUE(lock.acquire(std::chrono::seconds(5), "test"));
    std::atomic<std::size_t> done = 0;
    for (std::size_t i = 0; i < kAll; ++i) {
        net::spawn(loops.at(0), "test", append_and_count(strangers, done));
    }
    loops.start();
    wait_for(done, kAll - 1024);
    EXPECT_EQ(done, kAll - 1024) << "the others wait for the lock";
    lock.release();
    wait_for(done, kAll);
    strangers.tell_of_others();
    EXPECT_EQ(told(), std::pair(std::size_t{1024}, kAll - 1024));
    loops.stop();
}

}  // namespace
}  // namespace postern::ca
