// What the store forgets, and when.
#include <gtest/gtest.h>

#include "ca-service/store/certificates.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "ca-service/store_cleanup.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr hours kMonths{24 * 60};

class StoreCleanupTest : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    store::Database database_ = store::Database::open(directory_.path() / "state.db").value();
    test::ManualClock wall_{std::chrono::floor<std::chrono::seconds>(system_clock()())};
    test::ManualEvenClock even_;
    SettledClock settled_{wall_, even_};
    StoreCleanup cleanup_{settled_, even_};

    void SetUp() override {
        ASSERT_TRUE(store::add_user(database_, store::User{.name = "alice", .password_hash = "x"}));
        ASSERT_TRUE(store::add_session(database_, store::Session{.id = "01",
                                                                 .user = "alice",
                                                                 .created_at = wall_.now(),
                                                                 .expires_at = wall_.now() + hours(12)}));
        ASSERT_TRUE(
            store::add_certificate(database_, store::IssuedCertificate{.serial = "7faa",
                                                                       .user = "alice",
                                                                       .session_id = "01",
                                                                       .not_after = wall_.now() + hours(1),
                                                                       .issued_at = wall_.now()}));
    }
    void pass(minutes time) {
        even_.advance(time);
        wall_.advance(time);
    }
    bool tidy() {
        const auto job = cleanup_.due();
        if (job) {
            (*job)(database_);
        }
        return job.has_value();
    }
    bool is_remembered() { return store::find_certificate(database_, "7faa").value().has_value(); }
};

TEST_F(StoreCleanupTest, ForgetsWhatEndedLongAgo) {
    EXPECT_TRUE(tidy());
    pass(kMonths / 3);
    EXPECT_TRUE(tidy());
    EXPECT_TRUE(is_remembered());
    pass(kMonths);
    EXPECT_TRUE(tidy());
    EXPECT_FALSE(is_remembered());
}

TEST_F(StoreCleanupTest, IsDueEachTenMinutes) {
    EXPECT_TRUE(tidy());
    EXPECT_FALSE(tidy());
    pass(minutes(9));
    EXPECT_FALSE(tidy());
    pass(minutes(1));
    EXPECT_TRUE(tidy());
}

TEST_F(StoreCleanupTest, ForgetsNothingBecauseOfAJump) {
    tidy();
    wall_.advance(kMonths);
    for (minutes passed{0}; passed < hours(23); passed += minutes(10)) {
        pass(minutes(10));
        EXPECT_TRUE(tidy());
        EXPECT_TRUE(is_remembered());
    }
    wall_.advance(-kMonths);
    pass(hours(1));
    EXPECT_TRUE(tidy());
    EXPECT_TRUE(is_remembered()) << "the clock was set right in time";
}

TEST_F(StoreCleanupTest, GoesOnAfterTheClockWasSetBack) {
    tidy();
    wall_.advance(-kMonths);
    pass(minutes(10));
    EXPECT_TRUE(tidy());
}

}  // namespace
}  // namespace postern::ca
