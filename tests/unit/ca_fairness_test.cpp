// What strangers ask for in any number takes nothing from others: neither workers, nor places in the queue, nor
// the store's lock.
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "ca-service/fair_queue.hpp"
#include "ca-service/login_throttle.hpp"
#include "pki/crl.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;

using Queue = FairQueue<std::string>;

std::vector<std::string> served(Queue& queue) {
    std::vector<std::string> all;
    while (auto job = queue.pop()) {
        all.push_back(*job);
    }
    return all;
}

TEST(FairQueue, LetsLanesTakeTurns) {
    Queue queue(100);
    for (const char* job : {"a1", "a2", "a3", "b1", "b2", "c1"}) {
        EXPECT_FALSE(queue.push({std::string(1, job[0])}, job));
    }
    EXPECT_THAT(served(queue), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3"));
}

TEST(FairQueue, ServesANewcomerBeforeTheManyOfOthers) {
    Queue queue(2000);
    for (int i = 0; i < 1000; ++i) {
        queue.push({"flood"}, "flood");
    }
    for (int i = 0; i < 10; ++i) {
        queue.pop();
    }
    queue.push({"good"}, "good");
    EXPECT_EQ(queue.pop(), "flood") << "which was there first";
    EXPECT_EQ(queue.pop(), "good");
}

TEST(FairQueue, DisplacesWhatWouldBeServedLast) {
    Queue queue(3);
    for (const char* job : {"a1", "a2", "a3"}) {
        queue.push({"a"}, job);
    }
    EXPECT_EQ(queue.push({"a"}, "a4"), "a4") << "its own lane has taken all";
    EXPECT_EQ(queue.push({"b"}, "b1"), "a3");
    EXPECT_EQ(queue.push({"a"}, "a5"), "a5") << "no better than before";
    EXPECT_EQ(queue.size(), 3U);
    EXPECT_THAT(served(queue), ElementsAre("a1", "b1", "a2"));
}

TEST(FairQueue, ServesALowerRankFirstAndDisplacesAHigherOne) {
    Queue queue(4);
    for (const char* job : {"g1", "h1", "g2", "h2"}) {
        queue.push({std::string(1, job[0]), 2}, job);
    }
    EXPECT_EQ(queue.push({"good", 1}, "good"), "h2");
    EXPECT_EQ(queue.push({"known"}, "known"), "g2");
    EXPECT_EQ(queue.push({"i", 2}, "i1"), "i1") << "no better than those who wait";
    EXPECT_THAT(served(queue), ElementsAre("known", "good", "g1", "h1"));
    queue.push({"g", 2}, "g3");
    EXPECT_EQ(queue.pop(), "g3") << "where nobody else waits, at once";
}

TEST(LoginThrottle, TellsHowOftenAnAddressHasFailedAndAFamiliarPairByItself) {
    LoginThrottle throttle;
    const LoginThrottle::Time now{};
    EXPECT_EQ(throttle.admit("alice", "192.0.2.1", now).failures_before, 0U);
    const auto second = throttle.admit("bob", "192.0.2.1", now);
    EXPECT_EQ(second.failures_before, 1U);
    EXPECT_EQ(second.lane, throttle.admit("carol", "192.0.2.1", now).lane) << "one lane for the address";
    EXPECT_NE(second.lane, throttle.admit("bob", "192.0.2.2", now).lane);
    throttle.succeeded(second.attempt, now);
    const auto familiar = throttle.admit("bob", "192.0.2.1", now);
    EXPECT_EQ(familiar.failures_before, 0U);
    EXPECT_NE(familiar.lane, second.lane);
}

/// While it lives nobody else writes to the store.
class WriteLock {
public:
    explicit WriteLock(store::Database& database) : database_(database) {
        database_.session() << "BEGIN IMMEDIATE";
    }
    ~WriteLock() { database_.session() << "ROLLBACK"; }
    WriteLock(const WriteLock&) = delete;
    WriteLock& operator=(const WriteLock&) = delete;

private:
    store::Database& database_;
};

TEST_F(CaService, RefusesAnUnknownTokenWithoutTheWriteLockAndWithoutASignature) {
    const WriteLock lock(*database_);
    const json body{{"token", "made up"}, {"csr", "no csr"}};
    const auto began = std::chrono::steady_clock::now();
    const auto answer = client().post_json("/v1/enroll", json_text(body)).value();
    EXPECT_EQ(answer.status, 401U) << answer.body;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 4s) << "the lock is waited for longer";
}

TEST_F(CaService, HandsOutTheListAndItsHealthWhileAllWorkersWait) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    Config narrow = config();
    narrow.request_workers = 1;
    narrow.request_queue = 1;
    start(narrow);
    auto renewals = [&] {
        const WriteLock lock(*database_);
        std::vector<std::future<unsigned>> waiting;
        for (int i = 0; i < 4; ++i) {
            waiting.push_back(std::async(std::launch::async, [&] { return renew(credentials).status; }));
        }
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(client().get("/v1/crl").value().status, 200U);
            EXPECT_EQ(client().get("/v1/health").value().status, 200U);
        }
        EXPECT_LT(std::chrono::steady_clock::now() - began, 4s) << "the lock is waited for longer";
        return waiting;
    }();
    int renewed = 0;
    for (auto& one : renewals) {
        renewed += one.get() == 200U ? 1 : 0;
    }
    EXPECT_GE(renewed, 1);
}

TEST_F(CaService, RecordsNoneOfThoseWhoOnlyLookWhetherThePortIsOpen) {
    const boost::asio::ip::tcp::endpoint port(boost::asio::ip::address_v4::loopback(), service_->port());
    const auto connect = [&] {
        UniqueFd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(peer.get(), port.data(), static_cast<socklen_t>(port.size())), 0);
        return peer;
    };
    for (int i = 0; i < 5; ++i) {
        connect();
    }
    const UniqueFd garbage = connect();
    ::send(garbage.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
    char byte = 0;
    while (::recv(garbage.get(), &byte, 1, 0) > 0) {
    }
    EXPECT_EQ(client().get("/v1/health").value().status, 200U);
    ASSERT_TRUE(service_->drain());
    std::size_t rejected = 0;
    for (const std::string& record : records()) {
        rejected += record.starts_with("connection.rejected") ? 1 : 0;
    }
    EXPECT_EQ(rejected, 1U) << "the garbage alone";
}

TEST_F(CaService, TellsOfALogoutAtOnce) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    ASSERT_EQ(client(credentials).post_json("/v1/logout", "{}").value().status, 204U);
    EXPECT_TRUE(list_with(credentials).find(credentials.chain.front().serial()));
}

}  // namespace
}  // namespace postern::ca
