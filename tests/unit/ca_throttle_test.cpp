#include <gtest/gtest.h>

#include "ca-service/login_throttle.hpp"

namespace postern::ca {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const LoginThrottle::Time kStart = LoginThrottle::Time(std::chrono::seconds(1'800'000));

ThrottleRules small_rules() {
    ThrottleRules rules;
    rules.user = {
        .free_failures = 3, .first_delay = seconds(1), .most_delay = seconds(8), .forgive_every = minutes(1)};
    rules.address = {
        .free_failures = 6, .first_delay = seconds(2), .most_delay = minutes(1), .forgive_every = minutes(1)};
    rules.most_entries = 100;
    return rules;
}

/// How long the attempt must wait; nothing when it was admitted.
std::optional<std::chrono::milliseconds> admit(LoginThrottle& throttle, const std::string& user,
                                               std::string_view address, LoginThrottle::Time now) {
    return throttle.admit(user, address, now).wait;
}

void succeed(LoginThrottle& throttle, const std::string& user, std::string_view address,
             LoginThrottle::Time now) {
    const auto admission = throttle.admit(user, address, now);
    ASSERT_FALSE(admission.wait) << user;
    throttle.succeeded(admission.attempt, now);
}

/// Somebody at this address tries one name after the other, until the address must wait.
void guess_from(LoginThrottle& throttle, std::string_view address, LoginThrottle::Time now) {
    for (int i = 0; !admit(throttle, "guess" + std::to_string(i), address, now); ++i) {
        ASSERT_LT(i, 1000) << "nothing stops it";
    }
}

TEST(LoginThrottle, LetsTheFirstAttemptsThroughAndThenMakesThemWait) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(admit(throttle, "alice", "192.0.2.1", kStart)) << i;
    }
    EXPECT_EQ(admit(throttle, "alice", "192.0.2.1", kStart), seconds(1));
    EXPECT_FALSE(admit(throttle, "alice", "192.0.2.1", kStart + seconds(1)));
}

TEST(LoginThrottle, DoublesTheWaitUpToItsBound) {
    LoginThrottle throttle(small_rules());
    LoginThrottle::Time now = kStart;
    admit(throttle, "alice", "192.0.2.1", now);
    admit(throttle, "alice", "192.0.2.2", now);
    for (const int expected : {1, 2, 4, 8, 8, 8}) {
        // Each attempt from elsewhere, so that only the user's own count matters.
        EXPECT_FALSE(admit(throttle, "alice", "198.51.100." + std::to_string(expected), now));
        const auto wait = admit(throttle, "alice", "203.0.113.1", now);
        ASSERT_EQ(wait, seconds(expected));
        now += *wait;
    }
}

TEST(LoginThrottle, CountsAttemptsThatAreStillBeingJudged) {
    LoginThrottle throttle(small_rules());
    int admitted = 0;
    for (int i = 0; i < 1000; ++i) {
        admitted += admit(throttle, "alice", "192.0.2.1", kStart) ? 0 : 1;
    }
    EXPECT_EQ(admitted, 3);
}

TEST(LoginThrottle, StopsOneAddressThatTriesManyUsers) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 6; ++i) {
        EXPECT_FALSE(admit(throttle, "user" + std::to_string(i), "192.0.2.1", kStart));
    }
    EXPECT_TRUE(admit(throttle, "user9", "192.0.2.1", kStart));
    EXPECT_FALSE(admit(throttle, "user9", "192.0.2.2", kStart)) << "another address is free";
}

TEST(LoginThrottle, DoesNotCountWhatSucceeded) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 50; ++i) {
        succeed(throttle, "alice", "192.0.2.1", kStart);
    }
}

TEST(LoginThrottle, LetsTheUserInWhileAStrangerGuesses) {
    LoginThrottle throttle(small_rules());
    succeed(throttle, "alice", "192.0.2.1", kStart);
    for (int i = 0; i < 20; ++i) {
        admit(throttle, "alice", "203.0.113." + std::to_string(i), kStart);
    }
    EXPECT_TRUE(admit(throttle, "alice", "203.0.113.99", kStart)) << "the stranger waits";
    EXPECT_FALSE(admit(throttle, "alice", "192.0.2.1", kStart)) << "alice's own machine does not";
}

TEST(LoginThrottle, StillStopsGuessingFromAFamiliarAddress) {
    LoginThrottle throttle(small_rules());
    succeed(throttle, "alice", "192.0.2.1", kStart);
    int admitted = 0;
    for (int i = 0; i < 100; ++i) {
        admitted += admit(throttle, "alice", "192.0.2.1", kStart) ? 0 : 1;
    }
    EXPECT_EQ(admitted, 3);
}

TEST(LoginThrottle, LetsThoseInWhoAreAtHomeWhereAStrangerGuesses) {
    LoginThrottle throttle(small_rules());
    succeed(throttle, "alice", "192.0.2.1", kStart);
    guess_from(throttle, "192.0.2.1", kStart);
    for (int i = 0; i < 20; ++i) {
        succeed(throttle, "alice", "192.0.2.1", kStart);
    }
    EXPECT_TRUE(admit(throttle, "bob", "192.0.2.1", kStart)) << "who never logged in from there waits";
    EXPECT_TRUE(admit(throttle, "guess99", "192.0.2.1", kStart)) << "and so does who guesses";
}

TEST(LoginThrottle, CountsWhoIsAtHomeByThemselvesAlone) {
    LoginThrottle throttle(small_rules());
    for (const auto* user : {"alice", "bob", "carol"}) {
        succeed(throttle, user, "192.0.2.1", kStart);
    }
    for (const auto* user : {"alice", "bob", "carol"}) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(admit(throttle, user, "192.0.2.1", kStart)) << user;
        }
        EXPECT_TRUE(admit(throttle, user, "192.0.2.1", kStart)) << user;
    }
    for (int i = 0; i < 6; ++i) {
        EXPECT_FALSE(admit(throttle, "user" + std::to_string(i), "192.0.2.1", kStart))
            << "the nine failures of those at home are not the address's";
    }
    EXPECT_TRUE(admit(throttle, "user9", "192.0.2.1", kStart)) << "the six of strangers are";
}

TEST(LoginThrottle, CountsAKnownKeyByItselfThoughOthersGuessAtTheSameAddressAndName) {
    LoginThrottle throttle;
    for (int i = 0; i < 1000; ++i) {
        throttle.admit("alice", "192.0.2.1", kStart);
        throttle.admit("user" + std::to_string(i), "192.0.2.1", kStart);
    }
    EXPECT_TRUE(throttle.admit("alice", "192.0.2.1", kStart).wait) << "a stranger waits";
    const auto admission = throttle.admit("alice", "192.0.2.1", kStart, "aa01");
    EXPECT_FALSE(admission.wait);
    throttle.succeeded(admission.attempt, kStart);
    EXPECT_FALSE(throttle.admit("alice", "198.51.100.9", kStart, "aa01").wait) << "wherever it is";
}

TEST(LoginThrottle, WhatTheStoreRemembersIsAtHome) {
    LoginThrottle throttle;
    throttle.remember("alice", throttled_network("2001:db8::1"));
    for (int i = 0; i < 100; ++i) {
        throttle.admit("alice", "198.51.100.9", kStart);
    }
    EXPECT_FALSE(throttle.admit("alice", "2001:db8::7", kStart).wait);
    EXPECT_TRUE(throttle.admit("alice", "2001:db8:1::1", kStart).wait) << "elsewhere she is a stranger";
}

TEST(LoginThrottle, AKnownKeyGuessesNoMoreThanAnybody) {
    LoginThrottle throttle;
    int admitted = 0;
    for (int i = 0; i < 100; ++i) {
        admitted += throttle.admit("alice", "192.0.2." + std::to_string(i), kStart, "aa01").wait ? 0 : 1;
    }
    EXPECT_EQ(admitted, 5);
    EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kStart, "aa02").wait) << "another key of hers";
    EXPECT_FALSE(throttle.admit("alice", "192.0.2.1", kStart).wait) << "and who has none is not held out by it";
    EXPECT_FALSE(throttle.admit("bob", "192.0.2.1", kStart, "aa01").wait) << "a key is one user's";
}

TEST(LoginThrottle, TakesNothingBackFromAnAddressThatWasNotCharged) {
    LoginThrottle throttle(small_rules());
    succeed(throttle, "alice", "192.0.2.1", kStart);
    guess_from(throttle, "192.0.2.1", kStart);
    for (int i = 0; i < 20; ++i) {
        const auto admission = throttle.admit("alice", "192.0.2.1", kStart);
        ASSERT_FALSE(admission.wait) << i;
        throttle.refund(admission.attempt, kStart);
        succeed(throttle, "alice", "192.0.2.1", kStart);
    }
    EXPECT_TRUE(admit(throttle, "guess99", "192.0.2.1", kStart));
}

TEST(LoginThrottle, TakesAChargeBackFromWhereItWasChargedThoughThePairIsFamiliarMeanwhile) {
    LoginThrottle throttle(small_rules());
    const auto never_judged = throttle.admit("alice", "192.0.2.1", kStart);
    const auto second = throttle.admit("alice", "192.0.2.1", kStart);
    succeed(throttle, "alice", "192.0.2.1", kStart);
    throttle.succeeded(second.attempt, kStart);
    throttle.refund(never_judged.attempt, kStart);
    EXPECT_EQ(throttle.size(), 1U) << "the pair; neither the user nor the address is charged any more";
}

TEST(LoginThrottle, TakesAChargeBackFromAPairThatIsGone) {
    ThrottleRules rules = small_rules();
    rules.most_entries = 4;
    LoginThrottle throttle(rules);
    succeed(throttle, "alice", "192.0.2.1", kStart);
    const auto at_home = throttle.admit("alice", "192.0.2.1", kStart);
    // Two pairs, which push hers out.
    succeed(throttle, "bob", "192.0.2.7", kStart);
    succeed(throttle, "carol", "192.0.2.7", kStart);
    guess_from(throttle, "192.0.2.1", kStart);
    throttle.refund(at_home.attempt, kStart);
    EXPECT_TRUE(admit(throttle, "guess99", "192.0.2.1", kStart)) << "the address was not charged";
}

TEST(LoginThrottle, ForgetsNoFamiliarPairForTheGuessesOfStrangers) {
    LoginThrottle throttle(small_rules());
    succeed(throttle, "alice", "192.0.2.1", kStart);
    throttle.remember("carol", "192.0.2.1");
    // From everywhere, at every name: more than it holds.
    for (int i = 0; i < 1000; ++i) {
        throttle.admit("guess" + std::to_string(i), "203.0.113." + std::to_string(i % 250), kStart);
    }
    EXPECT_LE(throttle.size(), small_rules().most_entries);
    guess_from(throttle, "192.0.2.1", kStart);
    for (const char* const at_home : {"alice", "carol"}) {
        EXPECT_FALSE(admit(throttle, at_home, "192.0.2.1", kStart)) << at_home;
    }
    EXPECT_TRUE(admit(throttle, "bob", "192.0.2.1", kStart)) << "who was never there";
}

TEST(LoginThrottle, ForgetsWhoHasNotBeenThereForLongest) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 60; ++i) {
        succeed(throttle, "user" + std::to_string(i), "192.0.2.1", kStart);
    }
    EXPECT_LE(throttle.size(), small_rules().most_entries);
    guess_from(throttle, "192.0.2.1", kStart);
    EXPECT_FALSE(admit(throttle, "user59", "192.0.2.1", kStart));
    EXPECT_TRUE(admit(throttle, "user0", "192.0.2.1", kStart));
}

TEST(LoginThrottle, ForgivesWithTime) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        admit(throttle, "alice", "192.0.2.1", kStart);
    }
    const LoginThrottle::Time later = kStart + minutes(10);
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(admit(throttle, "alice", "192.0.2.1", later)) << i;
    }
    EXPECT_TRUE(admit(throttle, "alice", "192.0.2.1", later));
}

TEST(LoginThrottle, CountsWhatIsNoLoginNameAsOneUser) {
    LoginThrottle throttle(small_rules());
    const std::string endless(65'536, 'x');
    for (int i = 0; i < 3; ++i) {
        const std::string address = "192.0.2." + std::to_string(i);
        EXPECT_FALSE(admit(throttle, endless + std::to_string(i), address, kStart)) << i;
    }
    EXPECT_TRUE(admit(throttle, "no name' --", "192.0.2.9", kStart));
    EXPECT_EQ(throttle.size(), 4U) << "three addresses, and one for what is no name";
    EXPECT_FALSE(admit(throttle, "alice", "192.0.2.9", kStart)) << "nobody's name is not held up by it";
}

TEST(LoginThrottle, KeepsNothingOfAttemptsThatWereNeverJudged) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 3; ++i) {
        admit(throttle, "alice", "198.51.100.1", kStart);
    }
    for (int i = 0; i < 1000; ++i) {
        const std::string user = "user" + std::to_string(i);
        const auto admission = throttle.admit(user, "192.0.2.1", kStart);
        ASSERT_FALSE(admission.wait) << i;
        throttle.refund(admission.attempt, kStart);
    }
    EXPECT_EQ(throttle.size(), 2U);
    EXPECT_TRUE(admit(throttle, "alice", "198.51.100.1", kStart)) << "who guessed goes on waiting";
}

TEST(LoginThrottle, StaysBounded) {
    LoginThrottle throttle(small_rules());
    for (int i = 0; i < 10'000; ++i) {
        admit(throttle, "user" + std::to_string(i),
              "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), kStart);
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
