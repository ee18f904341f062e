// The time by which the CA service forgets.
#include <gtest/gtest.h>

#include "ca-service/settled_clock.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class SettledClockTest : public testing::Test {
protected:
    test::ManualClock wall_{std::chrono::floor<seconds>(system_clock()())};
    test::ManualEvenClock even_;
    SettledClock settled_{wall_, even_};

    /// Both clocks go on, and are asked each minute.
    void pass(minutes time) {
        for (minutes passed{0}; passed < time; passed += minutes(1)) {
            wall_.advance(minutes(1));
            even_.advance(minutes(1));
            settled_.now();
        }
    }
};

TEST_F(SettledClockTest, IsTheWallClockWhileThatGoesEvenly) {
    pass(hours(3));
    wall_.advance(seconds(2));
    EXPECT_EQ(settled_.now(), wall_.now());
    wall_.advance(-seconds(4));
    EXPECT_EQ(settled_.now(), wall_.now());
}

TEST_F(SettledClockTest, GoesOnEvenlyWhereTheWallClockJumpsAhead) {
    const SystemTime before = wall_.now();
    wall_.advance(hours(24 * 365));
    EXPECT_EQ(settled_.now(), before);
    pass(minutes(30));
    EXPECT_EQ(settled_.now(), before + minutes(30));
}

TEST_F(SettledClockTest, FollowsAJumpThatStands) {
    wall_.advance(hours(24 * 365));
    pass(hours(23));
    EXPECT_LT(settled_.now(), wall_.now());
    pass(hours(2));
    EXPECT_EQ(settled_.now(), wall_.now());
}

TEST_F(SettledClockTest, DoubtsAJumpThatGrows) {
    wall_.advance(hours(1));
    pass(hours(23));
    wall_.advance(hours(24 * 365));
    pass(hours(2));
    EXPECT_LT(settled_.now(), wall_.now() - hours(24 * 365)) << "the second has not stood for a day";
    pass(hours(24));
    EXPECT_EQ(settled_.now(), wall_.now());
}

TEST_F(SettledClockTest, FollowsAClockThatIsSetRightAtOnce) {
    wall_.advance(hours(24 * 365));
    pass(hours(1));
    wall_.advance(-hours(24 * 365));
    EXPECT_EQ(settled_.now(), wall_.now());
    wall_.advance(-hours(24));
    EXPECT_EQ(settled_.now(), wall_.now()) << "never ahead";
}

}  // namespace
}  // namespace postern::ca
