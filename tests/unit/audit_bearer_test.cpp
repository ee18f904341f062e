// Which refusals of people who have proven who they are have a record of their own.
#include <gtest/gtest.h>

#include "audit/bearer_budget.hpp"

namespace postern::audit {
namespace {

using std::chrono::minutes;

const BearerBudget::Time kNow = BearerBudget::Time(std::chrono::seconds(1'800'000));
constexpr BearerRules kRules{.certificate = {.at_once = 3, .every = minutes(1), .most_keys = 100},
                             .user = {.at_once = 5, .every = minutes(1), .most_keys = 100},
                             .others_per_minute = 2};

TEST(BearerBudget, GivesEachCertificateItsShareWhateverOthersDo) {
    BearerBudget budget(kRules);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(budget.take({"01", "ann"}, kNow), i < 3) << i;
    }
    EXPECT_TRUE(budget.take({"02", "bob"}, kNow));
}

TEST(BearerBudget, GivesASharePartByPartAgain) {
    BearerBudget budget(kRules);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(budget.take({"01", ""}, kNow));
    }
    EXPECT_TRUE(budget.take({"01", ""}, kNow + minutes(1)));
    EXPECT_FALSE(budget.take({"01", ""}, kNow + minutes(1)));
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(budget.take({"01", ""}, kNow + minutes(60)));
    }
    EXPECT_FALSE(budget.take({"01", ""}, kNow + minutes(60)));
}

TEST(BearerBudget, BoundsAUserOverAllOfTheirCertificates) {
    BearerBudget budget(kRules);
    int own = 0;
    for (int serial = 0; serial < 50; ++serial) {
        own += budget.take({std::to_string(serial), "ann"}, kNow) ? 1 : 0;
    }
    EXPECT_EQ(own, 5);
    EXPECT_TRUE(budget.take({"b1", "bob"}, kNow)) << "another user has a share of their own";
}

TEST(BearerBudget, StaysBoundedWhoeverHoldsManyCertificates) {
    BearerBudget budget(kRules);
    int own = 0;
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 1000; ++i) {
            own += budget.take({std::to_string(i), ""}, kNow) ? 1 : 0;
        }
    }
    EXPECT_EQ(own, 302) << "nobody has a new share by making others be forgotten";
    EXPECT_EQ(budget.size(), 100U);
    EXPECT_TRUE(budget.take({"one more", ""}, kNow + minutes(3))) << "the others have rested";
}

TEST(BearerBudget, CountsTheRestUnderTheNamesOfThoseWhoCauseIt) {
    BearerBudget budget(kRules);
    for (int i = 0; i < 10; ++i) {
        budget.take({"01", "ann"}, kNow);
        budget.take({"02", "bob"}, kNow);
    }
    const auto untold = budget.take_untold();
    EXPECT_EQ(untold.count, 14U);
    ASSERT_EQ(untold.shares.size(), 2U);
    EXPECT_EQ(untold.shares[0].bearer.user, "ann");
    EXPECT_EQ(untold.shares[0].count, 7U);
    EXPECT_EQ(budget.take_untold().count, 0U) << "told once";
    budget.put_back(untold);
    EXPECT_EQ(budget.take_untold().count, 14U) << "what could not be told is told later";
}

TEST(BearerBudget, NamesABoundedNumberAndCountsAll) {
    BearerBudget budget({.certificate = {.at_once = 0}});
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(budget.take({std::string(39, 'f') + std::to_string(i), std::string(63, 'u')}, kNow));
    }
    const auto untold = budget.take_untold();
    EXPECT_EQ(untold.count, 1000U);
    EXPECT_EQ(untold.shares.size(), BearerBudget::kMostNamed);
    const Record record = record_of_more(untold);
    EXPECT_EQ(record.extra["postern"]["more"], 1000);
    EXPECT_EQ(record.extra["postern"]["more_of"].size(), BearerBudget::kMostNamed);
    EXPECT_EQ(record.user, "") << "of others, too, for all that is known";
    EXPECT_LT(format_line(record, SystemTime(), 7, std::string(64, '0'), "host", "postern").size(), 4096U);
}

TEST(BearerBudget, TheRecordOfOnePersonsBelongsToThatPerson) {
    BearerBudget budget({.certificate = {.at_once = 0}});
    budget.take({"01", "ann"}, kNow);
    budget.take({"01", "ann"}, kNow);
    const Record record = record_of_more(budget.take_untold());
    EXPECT_EQ(record.action, "connection.rejected");
    EXPECT_EQ(record.user, "ann");
    EXPECT_EQ(record.certificate_serial, "01");
    EXPECT_EQ(record.extra["postern"]["more_of"][0]["count"], 2);
}

}  // namespace
}  // namespace postern::audit
