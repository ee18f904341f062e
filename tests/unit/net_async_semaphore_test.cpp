// What the semaphore promises: so many at a time, first come, first served, and no place is ever lost.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "net/async_semaphore.hpp"
#include "net/event_loops.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::use_awaitable;

struct Crowd {
    int inside = 0;
    int most_inside = 0;
    std::vector<int> order;
};

/// Gives the others a turn.
awaitable<void> yield_to_others() {
    const auto executor = co_await boost::asio::this_coro::executor;
    co_await boost::asio::post(executor, use_awaitable);
}

awaitable<void> visit(AsyncSemaphore& semaphore, Crowd& crowd, int number) {
    const auto permit = co_await semaphore.acquire(60s);
    EXPECT_TRUE(permit.has_value());
    crowd.order.push_back(number);
    crowd.most_inside = std::max(crowd.most_inside, ++crowd.inside);
    for (int i = 0; i < 3; ++i) {
        co_await yield_to_others();
    }
    --crowd.inside;
}

TEST(AsyncSemaphore, LetsSoManyThroughAtATimeInTheOrderOfTheirComing) {
    boost::asio::io_context loop;
    AsyncSemaphore semaphore(2);
    Crowd crowd;
    std::vector<awaitable<void>> visitors;
    std::vector<int> expected;
    for (int i = 0; i < 20; ++i) {
        visitors.push_back(visit(semaphore, crowd, i));
        expected.push_back(i);
    }
    test::run_all(loop, std::move(visitors));
    EXPECT_EQ(crowd.order, expected);
    EXPECT_EQ(crowd.most_inside, 2);
}

awaitable<void> acquire(AsyncSemaphore& semaphore, std::chrono::milliseconds timeout,
                        std::optional<Result<AsyncSemaphore::Permit>>& result) {
    auto permit = co_await semaphore.acquire(timeout);
    result.emplace(std::move(permit));
}

TEST(AsyncSemaphore, TurnsAwayWhoWaitedTooLongAndKeepsThePlaceForTheNext) {
    boost::asio::io_context loop;
    AsyncSemaphore semaphore(1);
    std::optional<Result<AsyncSemaphore::Permit>> first;
    std::optional<Result<AsyncSemaphore::Permit>> late;
    std::optional<Result<AsyncSemaphore::Permit>> next;
    test::run(loop, acquire(semaphore, 60s, first));
    ASSERT_TRUE(first->has_value());
    test::run(loop, acquire(semaphore, 10ms, late));
    ASSERT_TRUE(late->has_error());
    EXPECT_EQ(late->error().code, Code::timed_out);
    first.reset();
    // At once, with no timeout at all: who gave up holds no place.
    test::run(loop, acquire(semaphore, 0ms, next));
    EXPECT_TRUE(next->has_value());
}

/// Starts it, until it waits for a place.
void start_waiting(boost::asio::io_context& loop, AsyncSemaphore& semaphore,
                   std::optional<Result<AsyncSemaphore::Permit>>& result) {
    boost::asio::co_spawn(loop, acquire(semaphore, 60s, result), [](std::exception_ptr) {});
    loop.poll();
    EXPECT_FALSE(result.has_value());
}

TEST(AsyncSemaphore, AWaiterWhoseLoopIsGoneIsPassedOver) {
    boost::asio::io_context loop;
    AsyncSemaphore semaphore(1);
    std::optional<Result<AsyncSemaphore::Permit>> first;
    std::optional<Result<AsyncSemaphore::Permit>> lost;
    std::optional<Result<AsyncSemaphore::Permit>> next;
    test::run(loop, acquire(semaphore, 60s, first));
    {
        boost::asio::io_context short_lived;
        start_waiting(short_lived, semaphore, lost);
    }
    first.reset();
    test::run(loop, acquire(semaphore, 0ms, next));
    EXPECT_TRUE(next->has_value());
    EXPECT_FALSE(lost.has_value());
}

TEST(AsyncSemaphore, APlaceThatWasHandedToALoopThatEndsGoesOnToTheNext) {
    boost::asio::io_context loop;
    AsyncSemaphore semaphore(1);
    std::optional<Result<AsyncSemaphore::Permit>> first;
    std::optional<Result<AsyncSemaphore::Permit>> lost;
    std::optional<Result<AsyncSemaphore::Permit>> next;
    test::run(loop, acquire(semaphore, 60s, first));
    {
        boost::asio::io_context short_lived;
        start_waiting(short_lived, semaphore, lost);
        start_waiting(loop, semaphore, next);
        // Handed over, and never taken: that loop runs no more.
        first.reset();
        loop.poll();
        EXPECT_FALSE(next.has_value());
    }
    loop.restart();
    loop.poll();
    ASSERT_TRUE(next.has_value());
    EXPECT_TRUE(next->has_value());
}

struct SharedCrowd {
    std::atomic<int> inside = 0;
    std::atomic<int> most_inside = 0;
    std::atomic<int> done = 0;
    std::atomic<int> refused = 0;
};

awaitable<void> visit_shared(AsyncSemaphore& semaphore, SharedCrowd& crowd) {
    for (int round = 0; round < 20; ++round) {
        const auto permit = co_await semaphore.acquire(60s);
        if (!permit) {
            ++crowd.refused;
            continue;
        }
        const int now = ++crowd.inside;
        int most = crowd.most_inside.load();
        while (most < now && !crowd.most_inside.compare_exchange_weak(most, now)) {
        }
        co_await yield_to_others();
        --crowd.inside;
    }
    ++crowd.done;
}

TEST(AsyncSemaphore, KeepsItsBoundBetweenLoopsAndLosesNobody) {
    SharedCrowd crowd;
    AsyncSemaphore semaphore(3);
    constexpr int kVisitors = 40;
    {
        EventLoops loops(2);
        for (int i = 0; i < kVisitors; ++i) {
            spawn(loops.at(static_cast<std::size_t>(i % 2)), "visitor", visit_shared(semaphore, crowd));
        }
        loops.start();
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (crowd.done < kVisitors && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(1ms);
        }
    }
    EXPECT_EQ(crowd.done, kVisitors);
    EXPECT_EQ(crowd.refused, 0);
    EXPECT_LE(crowd.most_inside, 3);
    EXPECT_GE(crowd.most_inside, 2);
}

}  // namespace
}  // namespace postern::net
