#include <gtest/gtest.h>

#include "ca-service/login_policy.hpp"
#include "ca-service/renewal_policy.hpp"

namespace postern::ca {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const SystemTime kToday = SystemTime(std::chrono::seconds(1'800'000'000));

store::User alice() {
    return store::User{.name = "alice", .password_hash = "hash"};
}

TEST(LoginPolicy, LetsInWhoKnowsThePassword) {
    const std::optional<store::User> user = alice();
    EXPECT_TRUE(may_log_in({.user = user, .password_matches = true}));
}

TEST(LoginPolicy, TurnsAwayAWrongPassword) {
    const std::optional<store::User> user = alice();
    EXPECT_EQ(may_log_in({.user = user, .password_matches = false}).error().code, Code::unauthenticated);
}

TEST(LoginPolicy, TurnsAwayAnUnknownUserWhateverThePassword) {
    const std::optional<store::User> nobody;
    EXPECT_EQ(may_log_in({.user = nobody, .password_matches = false}).error().code, Code::unauthenticated);
    EXPECT_EQ(may_log_in({.user = nobody, .password_matches = true}).error().code, Code::unauthenticated);
}

TEST(LoginPolicy, TellsThatAUserIsDisabledOnlyToWhoKnowsThePassword) {
    std::optional<store::User> user = alice();
    user->is_disabled = true;
    EXPECT_EQ(may_log_in({.user = user, .password_matches = true}).error().code, Code::user_disabled);
    EXPECT_EQ(may_log_in({.user = user, .password_matches = false}).error().code, Code::unauthenticated);
}

pki::LoginIdentity presented() {
    pki::LoginIdentity identity;
    identity.name = "alice";
    identity.session_id = "s1";
    identity.serial = "01";
    identity.not_before = kToday - hours(1);
    identity.not_after = kToday + hours(1);
    return identity;
}

class RenewalPolicy : public testing::Test {
protected:
    pki::LoginIdentity presented_ = presented();
    std::optional<store::IssuedCertificate> certificate_{store::IssuedCertificate{
        .serial = "01", .user = "alice", .session_id = "s1", .not_after = kToday + hours(1)}};
    std::optional<store::Session> session_{store::Session{
        .id = "s1", .user = "alice", .created_at = kToday - hours(1), .expires_at = kToday + hours(11)}};
    std::optional<store::User> user_{alice()};
    SystemTime now_ = kToday;

    Result<void> judge() const {
        return may_renew({.presented = presented_,
                          .certificate = certificate_,
                          .session = session_,
                          .user = user_,
                          .now = now_});
    }
    Code refusal() const {
        const auto judged = judge();
        EXPECT_FALSE(judged);
        return judged ? Code::internal : judged.error().code;
    }
};

TEST_F(RenewalPolicy, RenewsWithinALiveSession) {
    EXPECT_TRUE(judge());
}

TEST_F(RenewalPolicy, RenewsAnExpiredCertificateWithinALiveSession) {
    now_ = kToday + hours(5);
    EXPECT_TRUE(judge());
}

TEST_F(RenewalPolicy, TurnsAwayAfterTheSessionsEnd) {
    now_ = kToday + hours(11) - seconds(1);
    EXPECT_TRUE(judge());
    now_ = kToday + hours(11);
    EXPECT_EQ(refusal(), Code::session_ended);
}

TEST_F(RenewalPolicy, TurnsAwayAnEndedSession) {
    session_->ended_at = kToday - seconds(1);
    EXPECT_EQ(refusal(), Code::session_ended);
}

TEST_F(RenewalPolicy, TurnsAwayADisabledUser) {
    user_->is_disabled = true;
    EXPECT_EQ(refusal(), Code::user_disabled);
}

TEST_F(RenewalPolicy, TurnsAwayAUserWhoIsGone) {
    user_.reset();
    EXPECT_EQ(refusal(), Code::user_disabled);
}

TEST_F(RenewalPolicy, TurnsAwayARevokedCertificateWithItsReason) {
    certificate_->revocation = store::Revocation{kToday, pki::RevocationReason::key_compromise};
    EXPECT_EQ(refusal(), Code::revoked);
    certificate_->revocation->reason = pki::RevocationReason::cessation_of_operation;
    EXPECT_EQ(refusal(), Code::session_ended);
    certificate_->revocation->reason = pki::RevocationReason::privilege_withdrawn;
    EXPECT_EQ(refusal(), Code::user_disabled);
}

TEST_F(RenewalPolicy, TurnsAwayWhatWasRevokedOrEndedBeforeTheClockWentBack) {
    certificate_->revocation = store::Revocation{kToday + hours(2), pki::RevocationReason::key_compromise};
    EXPECT_EQ(refusal(), Code::revoked);
    certificate_->revocation.reset();
    session_->ended_at = kToday + hours(2);
    EXPECT_EQ(refusal(), Code::session_ended);
}

TEST_F(RenewalPolicy, FailsClosedOnWhatTheStoreDoesNotKnow) {
    certificate_.reset();
    EXPECT_EQ(refusal(), Code::unauthenticated);
}

TEST_F(RenewalPolicy, FailsClosedWithoutASession) {
    session_.reset();
    EXPECT_EQ(refusal(), Code::unauthenticated);
}

TEST_F(RenewalPolicy, TurnsAwayWhatTheStoreKnowsAsAnothers) {
    certificate_->user = "bob";
    EXPECT_EQ(refusal(), Code::unauthenticated);
    certificate_->user = "alice";
    session_->user = "bob";
    EXPECT_EQ(refusal(), Code::unauthenticated);
    session_->user = "alice";
    certificate_->session_id = "s2";
    EXPECT_EQ(refusal(), Code::unauthenticated);
}

TEST_F(RenewalPolicy, TurnsAwayACertificateOfTheFuture) {
    presented_.not_before = kToday + hours(1);
    EXPECT_EQ(refusal(), Code::not_yet_valid);
}

}  // namespace
}  // namespace postern::ca
