// What strangers are let compute, one step at a time and the addresses in turn.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fair_turns.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using boost::asio::awaitable;
using testing::ElementsAre;

using Order = std::vector<std::string>;

awaitable<void> take_steps(FairTurns& turns, std::string key, int steps, Order& order) {
    FairTurns::Member member(turns, key);
    for (int i = 0; i < steps; ++i) {
        co_await member.next();
        order.push_back(key);
    }
}

TEST(FairTurns, GivesTheAddressesTheirTurnsOneAfterAnother) {
    boost::asio::io_context loop;
    FairTurns turns(loop);
    Order order;
    std::vector<awaitable<void>> all;
    for (const char* key : {"a", "a", "a", "a", "b", "c", "b"}) {
        all.push_back(take_steps(turns, key, 1, order));
    }
    test::run_all(loop, std::move(all));
    EXPECT_THAT(order, ElementsAre("a", "a", "b", "c", "a", "b", "a"));
}

TEST(FairTurns, KeepsNobodyWaitingBehindAThousandOfAnotherAddress) {
    boost::asio::io_context loop;
    FairTurns turns(loop);
    Order order;
    std::vector<awaitable<void>> all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(take_steps(turns, "flood", 3, order));
    }
    all.push_back(take_steps(turns, "good", 3, order));
    test::run_all(loop, std::move(all));
    ASSERT_EQ(order.size(), 3003U);
    std::size_t last = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        last = order[i] == "good" ? i : last;
    }
    EXPECT_LT(last, 10U);
    EXPECT_EQ(turns.waiting(), 0U);
}

awaitable<void> note_a_post(Order& order) {
    const auto executor = co_await boost::asio::this_coro::executor;
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
    order.push_back("else");
}

TEST(FairTurns, HearsEverybodyElseBetweenTwoSteps) {
    boost::asio::io_context loop;
    FairTurns turns(loop);
    Order order;
    std::vector<awaitable<void>> all;
    for (int i = 0; i < 10; ++i) {
        all.push_back(take_steps(turns, "flood", 1, order));
    }
    all.push_back(note_a_post(order));
    test::run_all(loop, std::move(all));
    ASSERT_EQ(order.size(), 11U);
    EXPECT_TRUE(order[0] == "else" || order[1] == "else" || order[2] == "else");
}

awaitable<void> wait_for_turn(FairTurns::Member& member, bool& is_over) {
    co_await member.next();
    is_over = true;
}

awaitable<void> leave(FairTurns::Member& member, const bool& is_over, bool& was_over) {
    was_over = is_over;
    member.leave();
    co_return;
}

TEST(FairTurns, LetsAConnectionThatWasCutGoAtOnce) {
    boost::asio::io_context loop;
    FairTurns turns(loop);
    Order order;
    std::vector<awaitable<void>> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(take_steps(turns, "flood", 100, order));
    }
    FairTurns::Member member(turns, "flood");
    bool is_over = false;
    bool was_over = true;
    all.push_back(wait_for_turn(member, is_over));
    all.push_back(leave(member, is_over, was_over));
    test::run_all(loop, std::move(all));
    EXPECT_TRUE(is_over);
    EXPECT_FALSE(was_over);
    EXPECT_EQ(turns.waiting(), 0U);
}

TEST(FairTurns, MayGoBeforeWhatItPosted) {
    boost::asio::io_context loop;
    auto turns = std::make_unique<FairTurns>(loop);
    Order order;
    test::run(loop, take_steps(*turns, "a", 1, order));
    turns.reset();
    loop.restart();
    loop.poll();
    EXPECT_THAT(order, ElementsAre("a"));
}

}  // namespace
}  // namespace postern::net
