// Which refused renewals have a record of their own.
#include <gtest/gtest.h>

#include "ca-service/bearer_budget.hpp"

namespace postern::ca {
namespace {

using std::chrono::minutes;
using Place = BearerBudget::Place;

const BearerBudget::Time kNow = BearerBudget::Time(std::chrono::seconds(1'800'000));
constexpr BearerRule kRule{.at_once = 3, .every = minutes(1), .most_certificates = 100};

TEST(BearerBudget, GivesEachCertificateItsShareWhateverOthersDo) {
    BearerBudget budget(kRule);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(budget.take("01", kNow), i < 3 ? Place::own : Place::none) << i;
    }
    EXPECT_EQ(budget.take("02", kNow), Place::own);
}

TEST(BearerBudget, GivesASharePartByPartAgain) {
    BearerBudget budget(kRule);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(budget.take("01", kNow), Place::own);
    }
    EXPECT_EQ(budget.take("01", kNow + minutes(1)), Place::own);
    EXPECT_EQ(budget.take("01", kNow + minutes(1)), Place::none);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(budget.take("01", kNow + minutes(60)), Place::own);
    }
    EXPECT_EQ(budget.take("01", kNow + minutes(60)), Place::none);
}

TEST(BearerBudget, StaysBoundedWhoeverHoldsManyCertificates) {
    BearerBudget budget(kRule);
    int own = 0;
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 1000; ++i) {
            own += budget.take(std::to_string(i), kNow) == Place::own ? 1 : 0;
        }
    }
    EXPECT_EQ(own, 300) << "nobody has a new share by making others be forgotten";
    EXPECT_EQ(budget.size(), 100U);
    EXPECT_EQ(budget.take("one more", kNow), Place::strangers);
    EXPECT_EQ(budget.take("one more", kNow + minutes(3)), Place::own) << "the others have rested";
}

}  // namespace
}  // namespace postern::ca
