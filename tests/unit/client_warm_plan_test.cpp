#include <gtest/gtest.h>

#include "client-proxy/tunnel/warm_plan.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;

class WarmPlanTest : public testing::Test {
protected:
    WarmPlan::Time now_{1h};
    // Without chance.
    WarmPlan plan_{WarmOptions{2, 16, 5min, 4min}, [] { return 0.0; }};
};

TEST_F(WarmPlanTest, KeepsNoneBeforeAnybodyAsks) {
    EXPECT_EQ(plan_.wanted(now_), 0U);
    plan_.look(now_, 0);
    EXPECT_EQ(plan_.wanted(now_ + 1h), 0U);
}

TEST_F(WarmPlanTest, KeepsAFewOnceSomebodyAsksOrIsExpected) {
    plan_.asked(now_, false, 0);
    EXPECT_EQ(plan_.wanted(now_), 2U);
    WarmPlan expecting{WarmOptions{}};
    expecting.expect(now_);
    EXPECT_EQ(expecting.wanted(now_), 2U);
}

TEST_F(WarmPlanTest, KeepsNoneWhenThereAreToBeNone) {
    WarmPlan none{WarmOptions{0, 16, 5min, 4min}};
    for (int i = 0; i < 20; ++i) {
        none.asked(now_, false, 0);
    }
    EXPECT_EQ(none.wanted(now_), 0U);
}

TEST_F(WarmPlanTest, DoublesForEachWhoFoundNoneUpToTheMost) {
    plan_.expect(now_);
    plan_.asked(now_, true, 1);
    plan_.asked(now_, true, 0);
    EXPECT_EQ(plan_.wanted(now_), 2U);
    plan_.asked(now_, false, 0);
    EXPECT_EQ(plan_.wanted(now_), 4U);
    for (int i = 0; i < 20; ++i) {
        plan_.asked(now_, false, 0);
    }
    EXPECT_EQ(plan_.wanted(now_), 16U);
}

TEST_F(WarmPlanTest, ShrinksToWhatABurstNeededAndThenToAFew) {
    plan_.expect(now_);
    for (int i = 0; i < 10; ++i) {
        plan_.asked(now_, false, 0);
    }
    ASSERT_EQ(plan_.wanted(now_), 16U);
    plan_.look(now_ += 31s, 16);
    EXPECT_EQ(plan_.wanted(now_), 16U) << "within this time all were needed";
    // A burst that leaves six.
    plan_.asked(now_ += 10s, true, 6);
    plan_.look(now_ += 21s, 16);
    EXPECT_EQ(plan_.wanted(now_), 10U);
    plan_.look(now_ += 31s, 10);
    EXPECT_EQ(plan_.wanted(now_), 2U);
    plan_.look(now_ += 31s, 2);
    EXPECT_EQ(plan_.wanted(now_), 2U);
}

TEST_F(WarmPlanTest, KeepsNoneForAServiceThatRests) {
    plan_.asked(now_, false, 0);
    EXPECT_EQ(plan_.wanted(now_ + 5min - 1s), 2U);
    EXPECT_EQ(plan_.wanted(now_ + 5min), 0U);
    plan_.asked(now_ += 1h, false, 0);
    EXPECT_EQ(plan_.wanted(now_), 2U) << "it begins anew, however large it was";
}

TEST_F(WarmPlanTest, WaitsLongerAfterEachFailureAndNotAfterAnAnswer) {
    EXPECT_TRUE(plan_.may_open(now_));
    plan_.failed(now_);
    EXPECT_FALSE(plan_.may_open(now_ + 999ms));
    EXPECT_TRUE(plan_.may_open(now_ + 1s));
    plan_.failed(now_ += 1s);
    EXPECT_FALSE(plan_.may_open(now_ + 1999ms));
    EXPECT_TRUE(plan_.may_open(now_ + 2s));
    for (int i = 0; i < 20; ++i) {
        plan_.failed(now_ += 2min);
    }
    EXPECT_FALSE(plan_.may_open(now_ + 59s));
    EXPECT_TRUE(plan_.may_open(now_ + 60s)) << "a gateway that is back is found within a minute";
    plan_.worked();
    EXPECT_TRUE(plan_.may_open(now_));
}

TEST_F(WarmPlanTest, ReplacesSoonerWhatEndsBeforeItsTime) {
    EXPECT_FALSE(plan_.is_old(239s));
    EXPECT_TRUE(plan_.is_old(240s));
    plan_.ended_early(now_, 60s);
    EXPECT_TRUE(plan_.is_old(45s));
    EXPECT_FALSE(plan_.is_old(44s));
    EXPECT_FALSE(plan_.may_open(now_));
    plan_.ended_early(now_, 1s);
    EXPECT_FALSE(plan_.is_old(44s)) << "those that end together are one event";
    plan_.replaced_in_time();
    EXPECT_FALSE(plan_.is_old(89s));
    EXPECT_TRUE(plan_.is_old(90s));
    plan_.ended_early(now_ += 1h, 0s);
    EXPECT_FALSE(plan_.is_old(4s));
    EXPECT_TRUE(plan_.is_old(5s));
}

TEST_F(WarmPlanTest, ForgetsFailuresWithTheNetworkThatMadeThem) {
    plan_.ended_early(now_, 8s);
    plan_.forget_failures();
    EXPECT_TRUE(plan_.may_open(now_));
    EXPECT_FALSE(plan_.is_old(239s));
}

}  // namespace
}  // namespace postern::client
