#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "ca-service/authority.hpp"
#include "ca-service/crl_publisher.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "pki/crl.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class CrlPublishing : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    test::ManualClock clock_{std::chrono::floor<std::chrono::seconds>(system_clock()())};
    Authority authority_ = make_authority();
    store::Database database_ = store::Database::open(directory_.path() / "state.db").value();
    CrlPublisher publisher_{authority_.users(), clock_, clock_};

    Authority make_authority() {
        EXPECT_TRUE(create_authorities(directory_.path(), "Example", clock_.now()));
        return Authority::load(directory_.path()).value();
    }
    void SetUp() override {
        // Nothing here outlives a power cut.
        database_.session() << "PRAGMA synchronous=OFF";
        ASSERT_TRUE(store::add_user(database_, store::User{.name = "alice", .password_hash = "x"}));
    }
    std::string issue(const std::string& session) {
        EXPECT_TRUE(store::add_session(database_, store::Session{.id = session,
                                                                 .user = "alice",
                                                                 .created_at = clock_.now(),
                                                                 .expires_at = clock_.now() + hours(12)}));
        const std::string serial = "7faa" + session;
        EXPECT_TRUE(
            store::add_certificate(database_, store::IssuedCertificate{.serial = serial,
                                                                       .user = "alice",
                                                                       .session_id = session,
                                                                       .not_after = clock_.now() + hours(1),
                                                                       .issued_at = clock_.now()}));
        return serial;
    }
    void revoke(const std::string& session) {
        EXPECT_TRUE(
            store::revoke_session(database_, session, {clock_.now(), pki::RevocationReason::key_compromise}));
    }
    std::shared_ptr<const PublishedCrl> publish() { return publisher_.current(database_, hours(1)).value(); }
    pki::Crl verified(const PublishedCrl& crl) {
        return pki::Crl::verify(crl.der, authority_.users().chain().front()).value();
    }
};

TEST_F(CrlPublishing, TellsARevokedSerialAndNoOther) {
    const std::string revoked = issue("01");
    const std::string good = issue("02");
    revoke("01");
    const auto crl = verified(*publish());
    EXPECT_EQ(crl.find(revoked), pki::RevocationReason::key_compromise);
    EXPECT_FALSE(crl.find(good));
}

TEST_F(CrlPublishing, SignsOnceForEachChange) {
    issue("01");
    const auto first = publish();
    EXPECT_EQ(publish(), first);
    revoke("01");
    const auto second = publish();
    EXPECT_GT(second->number, first->number);
    EXPECT_EQ(publish(), second);
}

TEST_F(CrlPublishing, SeesWhatAnotherProcessRevoked) {
    const std::string serial = issue("01");
    publish();
    store::Database other = store::Database::open(directory_.path() / "state.db").value();
    ASSERT_TRUE(store::revoke_session(other, "01", {clock_.now(), pki::RevocationReason::unspecified}));
    EXPECT_TRUE(verified(*publish()).find(serial));
}

TEST_F(CrlPublishing, SignsAgainBeforeTheListGoesStale) {
    const auto first = publish();
    clock_.advance(minutes(29));
    EXPECT_EQ(publish(), first);
    clock_.advance(minutes(2));
    const auto second = publish();
    EXPECT_GT(second->number, first->number);
    EXPECT_GT(second->next_update, first->next_update);
}

TEST_F(CrlPublishing, NumbersGrowAcrossRestarts) {
    const auto first = publish();
    CrlPublisher restarted(authority_.users(), clock_, clock_);
    EXPECT_GT(restarted.current(database_, hours(1)).value()->number, first->number);
}

TEST_F(CrlPublishing, DropsACertificateByWhichNoTunnelLives) {
    const std::string serial = issue("01");
    revoke("01");
    clock_.advance(hours(2));
    EXPECT_TRUE(verified(*publish()).find(serial)) << "it has expired, but a gateway may carry on what it opened";
    clock_.advance(hours(23));
    EXPECT_TRUE(verified(*publish()).find(serial)) << "within the slack";
    clock_.advance(hours(1));
    EXPECT_FALSE(verified(*publish()).find(serial));
}

TEST_F(CrlPublishing, NumbersGrowAndTimesAreRightWhenTheClockGoesBack) {
    const auto first = publish();
    clock_.advance(-hours(3));
    const std::string serial = issue("01");
    revoke("01");
    const auto second = publish();
    EXPECT_GT(second->number, first->number);
    EXPECT_EQ(second->this_update, clock_.now());
    EXPECT_EQ(second->next_update, clock_.now() + hours(1));
    EXPECT_TRUE(verified(*second).find(serial));
    EXPECT_EQ(publish(), second) << "signed once, not for each request";

    CrlPublisher restarted(authority_.users(), clock_, clock_);
    const auto third = restarted.current(database_, hours(1)).value();
    EXPECT_GT(third->number, second->number);
    EXPECT_EQ(third->this_update, clock_.now());
}

TEST_F(CrlPublishing, TakesUpTheRightTimeAfterAJumpForward) {
    publish();
    clock_.advance(hours(3));
    const auto ahead = publish();
    clock_.advance(-hours(3) + minutes(1));
    const auto after = publish();
    EXPECT_GT(after->number, ahead->number);
    EXPECT_EQ(verified(*after).this_update(), clock_.now());
    EXPECT_EQ(verified(*after).next_update(), clock_.now() + hours(1)) << "a stale list is seen as stale";
    clock_.advance(hours(4));
    EXPECT_EQ(publish()->this_update, clock_.now());
}

TEST_F(CrlPublishing, SignsAgainWhenTheClockIsSetBackByLittle) {
    const auto first = publish();
    clock_.advance(-minutes(2));
    const auto second = publish();
    EXPECT_GT(second->number, first->number);
    EXPECT_EQ(second->this_update, clock_.now());
}

TEST_F(CrlPublishing, LeavesNothingOffBecauseOfAJump) {
    test::ManualEvenClock even;
    SettledClock settled(clock_, even);
    CrlPublisher publisher(authority_.users(), clock_, [&] { return settled.now(); });
    const std::string serial = issue("01");
    revoke("01");
    clock_.advance(hours(24 * 60));
    const auto ahead = publisher.current(database_, hours(1)).value();
    EXPECT_EQ(ahead->this_update, clock_.now());
    EXPECT_TRUE(verified(*ahead).find(serial)) << "its session lives by every other clock";
    for (int i = 0; i < 25; ++i) {
        clock_.advance(hours(1));
        even.advance(hours(1));
        settled.now();
    }
    EXPECT_FALSE(verified(*publisher.current(database_, hours(1)).value()).find(serial));
}

TEST_F(CrlPublishing, ForgetsNoRevocationWhenTheClockJumpsForwardAndBack) {
    const std::string serial = issue("01");
    revoke("01");
    clock_.advance(hours(11));
    EXPECT_TRUE(verified(*publish()).find(serial));
    clock_.advance(-hours(11));
    EXPECT_TRUE(verified(*publish()).find(serial));
}

class CrlChanges : public CrlPublishing {
protected:
    const pki::Certificate& issuer() const { return authority_.users().chain().front(); }
    void update() { ASSERT_TRUE(publisher_.update(database_, hours(1))); }
    /// What a gateway makes of the changes.
    pki::Crl led_on(pki::Crl list, const CrlPublisher& publisher) const {
        const std::string changes = publisher.changes_since(list.number()).value();
        const std::vector<std::string_view> parts = pki::split_deltas(changes).value();
        for (const std::string_view part : parts) {
            list = list.with(pki::CrlDelta::verify(part, issuer()).value()).value();
        }
        return list;
    }
    pki::Crl led_on(pki::Crl list) const { return led_on(std::move(list), publisher_); }
    std::size_t changed_since(std::uint64_t number) const {
        return pki::split_deltas(publisher_.changes_since(number).value()).value().size();
    }
};

TEST_F(CrlChanges, LeadFromEachListToTheNewest) {
    const std::string before = issue("01");
    const std::string first = issue("02");
    const std::string second = issue("03");
    const std::string good = issue("04");
    revoke("01");
    const pki::Crl list = verified(*publish());
    EXPECT_EQ(publisher_.changes_since(list.number()).value(), "");
    revoke("02");
    update();
    const pki::Crl between = led_on(list);
    revoke("03");
    update();
    EXPECT_EQ(changed_since(list.number()), 2U);
    EXPECT_EQ(changed_since(between.number()), 1U);
    for (const pki::Crl& newest : {led_on(list), led_on(between), verified(*publish())}) {
        EXPECT_EQ(newest.number(), publisher_.newest());
        EXPECT_TRUE(newest.find(before));
        EXPECT_TRUE(newest.find(first));
        EXPECT_EQ(newest.find(second), pki::RevocationReason::key_compromise);
        EXPECT_FALSE(newest.find(good));
    }
}

/// The promise of the whole: what a revocation costs a gateway.
TEST_F(CrlChanges, HoldWhatCameAndNothingElse) {
    for (int i = 10; i < 60; ++i) {
        issue(std::to_string(i));
        revoke(std::to_string(i));
    }
    const pki::Crl list = verified(*publish());
    issue("60");
    revoke("60");
    update();
    const std::string changes = publisher_.changes_since(list.number()).value();
    EXPECT_EQ(pki::CrlDelta::verify(changes, issuer()).value().size(), 1U);
    EXPECT_LT(changes.size(), 600U);
}

TEST_F(CrlChanges, RenewTheTimeOfAListToWhichNothingIsAdded) {
    const pki::Crl list = verified(*publish());
    clock_.advance(minutes(31));
    update();
    const pki::Crl renewed = led_on(list);
    EXPECT_EQ(renewed.next_update(), clock_.now() + hours(1));
    EXPECT_EQ(renewed.size(), 0U);
}

TEST_F(CrlChanges, GoOnAcrossARestart) {
    issue("01");
    const std::string serial = issue("02");
    revoke("01");
    const pki::Crl list = verified(*publish());
    revoke("02");
    CrlPublisher restarted(authority_.users(), clock_, clock_);
    ASSERT_TRUE(restarted.update(database_, hours(1)));
    const pki::Crl newest = led_on(list, restarted);
    EXPECT_TRUE(newest.find(serial));
    EXPECT_EQ(newest.size(), 2U);
}

TEST_F(CrlChanges, AreNotKnownSinceAListThatNobodySigned) {
    EXPECT_FALSE(publisher_.changes_since(0));
    const std::uint64_t number = publish()->number;
    for (const std::uint64_t other : {std::uint64_t{0}, number - 1, number + 1}) {
        const auto changes = publisher_.changes_since(other);
        ASSERT_FALSE(changes) << other;
        EXPECT_EQ(changes.error().code, Code::not_found);
    }
}

TEST_F(CrlChanges, OfAStoreThatWasPutBackAreNotThoseOfTheListsThatItHasForgotten) {
    const std::string forgotten = issue("01");
    publish();
    std::filesystem::copy_file(directory_.path() / "state.db", directory_.path() / "backup.db");
    std::filesystem::copy_file(directory_.path() / "state.db-wal", directory_.path() / "backup.db-wal");
    revoke("01");
    const pki::Crl list = verified(*publish());
    clock_.advance(minutes(1));
    store::Database backup = store::Database::open(directory_.path() / "backup.db").value();
    CrlPublisher restored(authority_.users(), clock_, clock_);
    const auto complete = restored.current(backup, hours(1)).value();
    EXPECT_FALSE(restored.changes_since(list.number()));
    EXPECT_GT(complete->number, list.number());
}

/// Its revocations have no number: those since its last list cannot be told from those before.
TEST_F(CrlChanges, DoNotLeadOnFromAListOfAnOlderProgram) {
    issue("01");
    const pki::Crl list = verified(*publish());
    revoke("01");
    database_.session() << "UPDATE certificates SET revocation_number = 0";
    database_.session() << "UPDATE counters SET value = -1 WHERE name = 'crl_revocations'";
    CrlPublisher upgraded(authority_.users(), clock_, clock_);
    ASSERT_TRUE(upgraded.update(database_, hours(1)));
    EXPECT_FALSE(upgraded.changes_since(list.number()));
    EXPECT_EQ(verified(*upgraded.latest()).size(), 1U);
}

TEST_F(CrlChanges, AreForgottenWhereTheyTakeTooMuch) {
    const pki::Crl list = verified(*publish());
    issue("01");
    revoke("01");
    update();
    const std::uint64_t after_first = publisher_.newest();
    std::size_t bytes = 0;
    for (int i = 0; bytes <= CrlPublisher::kMostFeedBytes; ++i) {
        const std::uint64_t before = publisher_.newest();
        const std::string session = std::to_string(100 + i);
        const SystemTime now = clock_.now();
        auto transaction = store::Transaction::write(database_).value();
        ASSERT_TRUE(store::add_session(
            database_, {.id = session, .user = "alice", .created_at = now, .expires_at = now + hours(12)}));
        for (int k = 0; k < 4000; ++k) {
            ASSERT_TRUE(store::add_certificate(database_, {.serial = fmt::format("7e{:04}{:04x}", i, k),
                                                           .user = "alice",
                                                           .session_id = session,
                                                           .not_after = now + hours(1),
                                                           .issued_at = now}));
        }
        ASSERT_TRUE(transaction.commit());
        revoke(session);
        update();
        bytes += publisher_.changes_since(before).value().size();
    }
    EXPECT_FALSE(publisher_.changes_since(list.number()));
    EXPECT_FALSE(publisher_.changes_since(after_first));
    EXPECT_TRUE(publisher_.is_complete_due()) << "a long list is made apart";
    EXPECT_EQ(publish()->number, publisher_.newest());
    EXPECT_FALSE(publisher_.is_complete_due());
}

TEST(Authority, KeepsItsKeysToItself) {
    const test::TemporaryDirectory directory;
    ASSERT_TRUE(create_authorities(directory.path(), "Example", system_clock()()));
    for (const std::string& name : authority_files()) {
        const auto mode = std::filesystem::status(directory.path() / name).permissions();
        const bool is_key = name.ends_with(".key");
        EXPECT_EQ(static_cast<unsigned>(mode), is_key ? 0600U : 0644U) << name;
    }
    ASSERT_TRUE(Authority::load(directory.path()));
    std::filesystem::permissions(directory.path() / "user-issuing.key", std::filesystem::perms(0644));
    EXPECT_EQ(Authority::load(directory.path()).error().code, Code::config_invalid);
}

TEST(Authority, WorksWithoutItsRootKeys) {
    const test::TemporaryDirectory directory;
    ASSERT_TRUE(create_authorities(directory.path(), "Example", system_clock()()));
    std::filesystem::remove(directory.path() / "user-root.key");
    std::filesystem::remove(directory.path() / "server-root.key");
    EXPECT_TRUE(Authority::load(directory.path()));
}

TEST(Authority, RefusesAKeyOfAnotherCertificate) {
    const test::TemporaryDirectory directory;
    ASSERT_TRUE(create_authorities(directory.path(), "Example", system_clock()()));
    std::filesystem::copy_file(directory.path() / "server-issuing.key", directory.path() / "user-issuing.key",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_FALSE(Authority::load(directory.path()));
}

TEST(Authority, NeverPromisesMoreThanItsOwnLife) {
    const test::TemporaryDirectory directory;
    const SystemTime now = std::chrono::floor<std::chrono::seconds>(system_clock()());
    ASSERT_TRUE(create_authorities(directory.path(), "Example", now));
    const Authority authority = Authority::load(directory.path()).value();
    EXPECT_EQ(bounded_end(now, hours(1), authority.users()), now + hours(1));
    EXPECT_LE(bounded_end(now, hours(24 * 3000), authority.users()),
              authority.users().chain().front().not_after());
}

}  // namespace
}  // namespace postern::ca
