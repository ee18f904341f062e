#include <gtest/gtest.h>

#include "ca-service/login_throttle.hpp"

namespace postern::ca {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const LoginThrottle::Time kNow = LoginThrottle::Time(std::chrono::seconds(1'800'000));

ThrottleRules small_rules() {
    ThrottleRules rules;
    rules.user = {
        .free_failures = 3, .first_delay = seconds(1), .most_delay = seconds(8), .forgive_every = minutes(1)};
    rules.address = {
        .free_failures = 6, .first_delay = seconds(2), .most_delay = minutes(1), .forgive_every = minutes(1)};
    rules.most_entries = 100;
    return rules;
}

TEST(LoginThrottle, LetsTheFirstAttemptsThroughAndThenMakesThemWait) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kNow)) << i;
    }
    EXPECT_EQ(throttle.admit("alice", "192.0.2.1", kNow), seconds(1));
    EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kNow + seconds(1)));
}

TEST(LoginThrottle, DoublesTheWaitUpToItsBound) {
    LoginThrottle throttle(small_rules());
    LoginThrottle::Time now = kNow;
    throttle.admit("alice", "192.0.2.1", now);
    throttle.admit("alice", "192.0.2.2", now);
    for (const int expected : {1, 2, 4, 8, 8, 8}) {
        // Each attempt from elsewhere, so that only the user's own count matters.
        EXPECT_FALSE(throttle.admit("alice", "198.51.100." + std::to_string(expected), now));
        const auto wait = throttle.admit("alice", "203.0.113.1", now);
        ASSERT_EQ(wait, seconds(expected));
        now += *wait;
    }
}

TEST(LoginThrottle, CountsAttemptsThatAreStillBeingJudged) {
    LoginThrottle throttle(small_rules());
    int admitted = 0;
    for (int i = 0; i < 1000; ++i) {
        admitted += throttle.admit("alice", "192.0.2.1", kNow) ? 0 : 1;
    }
    EXPECT_EQ(admitted, 3);
}

TEST(LoginThrottle, StopsOneAddressThatTriesManyUsers) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 6; ++i) {
        EXPECT_FALSE(throttle.admit("user" + std::to_string(i), "192.0.2.1", kNow));
    }
    EXPECT_TRUE(throttle.admit("user9", "192.0.2.1", kNow));
    EXPECT_FALSE(throttle.admit("user9", "192.0.2.2", kNow)) << "another address is free";
}

TEST(LoginThrottle, DoesNotCountWhatSucceeded) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 50; ++i) {
        EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kNow)) << i;
        throttle.succeeded("alice", "192.0.2.1", kNow);
    }
}

TEST(LoginThrottle, LetsTheUserInWhileAStrangerGuesses) {
    LoginThrottle throttle(small_rules());
    ASSERT_FALSE(throttle.admit("alice", "192.0.2.1", kNow));
    throttle.succeeded("alice", "192.0.2.1", kNow);
    for (int i = 0; i < 20; ++i) {
        throttle.admit("alice", "203.0.113." + std::to_string(i), kNow);
    }
    EXPECT_TRUE(throttle.admit("alice", "203.0.113.99", kNow)) << "the stranger waits";
    EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kNow)) << "alice's own machine does not";
}

TEST(LoginThrottle, StillStopsGuessingFromAFamiliarAddress) {
    LoginThrottle throttle(small_rules());
    ASSERT_FALSE(throttle.admit("alice", "192.0.2.1", kNow));
    throttle.succeeded("alice", "192.0.2.1", kNow);
    int admitted = 0;
    for (int i = 0; i < 100; ++i) {
        admitted += throttle.admit("alice", "192.0.2.1", kNow) ? 0 : 1;
    }
    EXPECT_EQ(admitted, 3);
}

TEST(LoginThrottle, ForgivesWithTime) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        throttle.admit("alice", "192.0.2.1", kNow);
    }
    const LoginThrottle::Time later = kNow + minutes(10);
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", later)) << i;
    }
    EXPECT_TRUE(throttle.admit("alice", "192.0.2.1", later));
}

TEST(LoginThrottle, CountsWhatIsNoLoginNameAsOneUser) {
    LoginThrottle throttle(small_rules());
    const std::string endless(65'536, 'x');
    for (int i = 0; i < 3; ++i) {
        const std::string address = "192.0.2." + std::to_string(i);
        EXPECT_FALSE(throttle.admit(endless + std::to_string(i), address, kNow)) << i;
    }
    EXPECT_TRUE(throttle.admit("no name' --", "192.0.2.9", kNow));
    EXPECT_EQ(throttle.size(), 4U) << "three addresses, and one for what is no name";
    EXPECT_FALSE(throttle.admit("alice", "192.0.2.9", kNow)) << "nobody's name is not held up by it";
}

TEST(LoginThrottle, KeepsNothingOfAttemptsThatWereNeverJudged) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        throttle.admit("alice", "198.51.100.1", kNow);
    }
    for (int i = 0; i < 1000; ++i) {
        const std::string user = "user" + std::to_string(i);
        ASSERT_FALSE(throttle.admit(user, "192.0.2.1", kNow)) << i;
        throttle.refund(user, "192.0.2.1", kNow);
    }
    EXPECT_EQ(throttle.size(), 2U);
    EXPECT_TRUE(throttle.admit("alice", "198.51.100.1", kNow)) << "who guessed goes on waiting";
}

TEST(LoginThrottle, StaysBounded) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 10'000; ++i) {
        throttle.admit("user" + std::to_string(i),
                       "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), kNow);
    }
    EXPECT_LE(throttle.size(), 100U);
}

TEST(LoginThrottle, TakesAnIpv6NetworkForOneAddress) {
    EXPECT_EQ(throttled_network("2001:db8:1:2:3:4:5:6"), throttled_network("2001:db8:1:2::1"));
    EXPECT_NE(throttled_network("2001:db8:1:2::1"), throttled_network("2001:db8:1:3::1"));
    EXPECT_EQ(throttled_network("::ffff:192.0.2.1"), "192.0.2.1");
    EXPECT_NE(throttled_network("192.0.2.1"), throttled_network("192.0.2.2"));
}

}  // namespace
}  // namespace postern::ca
