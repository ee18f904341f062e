#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "base/connection_id.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/database.hpp"
#include "ca-service/store/familiar_places.hpp"
#include "ca-service/store/schema.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/tokens.hpp"
#include "ca-service/store/users.hpp"
#include "pki/digest.hpp"
#include "pki/validity.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

const SystemTime kNow = SystemTime(std::chrono::seconds(1'800'000'000));

MATCHER_P2(Place, user, network, "") {
    return arg.user == user && arg.network == network;
}

class Store : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    Database database_ = Database::open(directory_.path() / "state.db").value();

    void add_user(const std::string& name, std::vector<std::string> groups = {}) {
        ASSERT_TRUE(store::add_user(database_, User{.name = name,
                                                    .password_hash = "hash",
                                                    .created_at = kNow,
                                                    .password_changed_at = kNow,
                                                    .groups = std::move(groups)}));
    }
    std::string add_session(const std::string& user, SystemTime now = kNow) {
        const std::string id = new_connection_id();
        EXPECT_TRUE(store::add_session(
            database_, Session{.id = id, .user = user, .created_at = now, .expires_at = now + hours(12)}));
        return id;
    }
    std::string add_certificate(const std::string& user, const std::string& session, SystemTime not_after) {
        const std::string serial = pki::sha256_hex(new_connection_id()).substr(0, 32);
        EXPECT_TRUE(store::add_certificate(database_, IssuedCertificate{.serial = serial,
                                                                        .user = user,
                                                                        .session_id = session,
                                                                        .not_before = kNow,
                                                                        .not_after = not_after,
                                                                        .issued_at = kNow}));
        return serial;
    }
    template <class Column>
    Column pragma(const std::string& text) {
        Column value{};
        database_.session() << text, soci::into(value);
        return value;
    }
};

TEST_F(Store, IsPrivateAndDurable) {
    struct stat info {};
    ASSERT_EQ(::stat((directory_.path() / "state.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    EXPECT_EQ(pragma<std::string>("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(pragma<int>("PRAGMA synchronous"), 2);
    EXPECT_EQ(pragma<int>("PRAGMA foreign_keys"), 1);
}

TEST_F(Store, HasTheNewestSchemaAndKeepsItWhenOpenedAgain) {
    EXPECT_EQ(schema_version(database_).value(), newest_schema_version());
    Database again = Database::open(directory_.path() / "state.db").value();
    EXPECT_EQ(schema_version(again).value(), newest_schema_version());
}

TEST_F(Store, BringsAnOlderSchemaUpToDateAndKeepsWhatIsInIt) {
    add_user("alice");
    // What came since, the last first.
    for (const char* undo :
         {"DELETE FROM counters WHERE name IN ('changes', 'crl_revocations')", "DROP TABLE gateway_lists",
          "DROP INDEX certificates_by_revocation", "ALTER TABLE certificates DROP COLUMN revocation_number",
          "ALTER TABLE server_certificates DROP COLUMN more_services",
          "ALTER TABLE enrolment_tokens DROP COLUMN more_services", "DROP TABLE familiar_places",
          "UPDATE schema_version SET version = 3"}) {
        database_.session() << undo;
    }
    Database again = Database::open(directory_.path() / "state.db").value();
    EXPECT_EQ(schema_version(again).value(), newest_schema_version());
    EXPECT_TRUE(find_user(again, "alice").value());
    EXPECT_TRUE(familiar_places(again, 10).value().empty());
}

TEST_F(Store, RefusesAFileOfANewerProgram) {
    database_.session() << "UPDATE schema_version SET version = 999";
    const auto opened = Database::open(directory_.path() / "state.db");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::config_invalid);
    EXPECT_THAT(opened.error().detail, testing::HasSubstr("newer postern-ca"));
}

TEST(StoreFile, RefusesWhatIsNoDatabase) {
    const test::TemporaryDirectory directory;
    test::write(directory.path() / "state.db", std::string(8192, 'x'));
    const auto opened = Database::open(directory.path() / "state.db");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::io_failed);
}

TEST(StoreFile, OpensInAFolderWithSpaces) {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path() / "a b");
    EXPECT_TRUE(Database::open(directory.path() / "a b" / "state.db"));
}

TEST_F(Store, FindsAUserWithGroupsSorted) {
    add_user("alice", {"operators", "analysts"});
    const auto user = find_user(database_, "alice").value();
    ASSERT_TRUE(user);
    EXPECT_THAT(user->groups, ElementsAre("analysts", "operators"));
    EXPECT_FALSE(user->is_disabled);
    EXPECT_EQ(user->created_at, kNow);
    EXPECT_FALSE(find_user(database_, "Alice").value()) << "names differ by case";
    EXPECT_FALSE(find_user(database_, "alice' OR 1=1 --").value());
}

TEST_F(Store, RefusesTheSameUserTwice) {
    add_user("alice");
    const auto again = store::add_user(database_, User{.name = "alice"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::already_exists);
}

TEST_F(Store, ChangesOnlyUsersThatExist) {
    EXPECT_EQ(set_disabled(database_, "nobody", true).error().code, Code::not_found);
    EXPECT_EQ(set_password_hash(database_, "nobody", "x", kNow).error().code, Code::not_found);
}

TEST_F(Store, DoesNotUndoAChangeOfPasswordByARehash) {
    add_user("alice");
    ASSERT_TRUE(set_password_hash(database_, "alice", "new", kNow));
    ASSERT_TRUE(replace_password_hash(database_, "alice", "hash", "rehash of the old one"));
    EXPECT_EQ(find_user(database_, "alice").value()->password_hash, "new");
}

TEST_F(Store, ListsGroupsWithTheirMembers) {
    add_user("alice", {"analysts"});
    add_user("bob", {"analysts", "operators"});
    EXPECT_FALSE(add_to_group(database_, "bob", "operators").value()) << "was in it already";
    EXPECT_TRUE(remove_from_group(database_, "bob", "operators").value());
    EXPECT_FALSE(remove_from_group(database_, "bob", "operators").value());
    const auto groups = list_groups(database_).value();
    ASSERT_EQ(groups.size(), 1U);
    EXPECT_EQ(groups[0].name, "analysts");
    EXPECT_THAT(groups[0].members, ElementsAre("alice", "bob"));
}

TEST_F(Store, RefusesACertificateOfNoSession) {
    add_user("alice");
    const auto added =
        store::add_certificate(database_, IssuedCertificate{.serial = "00", .session_id = "none"});
    EXPECT_FALSE(added) << "foreign keys hold";
}

TEST_F(Store, EndsASessionOnce) {
    add_user("alice");
    const std::string session = add_session("alice");
    EXPECT_TRUE(find_session(database_, session).value()->is_live(kNow));
    EXPECT_FALSE(find_session(database_, session).value()->is_live(kNow + hours(12)));
    EXPECT_TRUE(end_session(database_, session, kNow).value());
    EXPECT_FALSE(end_session(database_, session, kNow).value());
    EXPECT_FALSE(find_session(database_, session).value()->is_live(kNow));
}

TEST_F(Store, KeepsASessionEndedWhenTheClockGoesBack) {
    add_user("alice");
    const std::string session = add_session("alice");
    ASSERT_TRUE(end_session(database_, session, kNow + hours(2)).value());
    EXPECT_FALSE(find_session(database_, session).value()->is_live(kNow));
}

TEST_F(Store, RevokesTheCertificatesOfOneSessionAndCountsIt) {
    add_user("alice");
    const std::string session = add_session("alice");
    const std::string other_session = add_session("alice");
    const std::string serial = add_certificate("alice", session, kNow + hours(1));
    const std::string other = add_certificate("alice", other_session, kNow + hours(1));
    const auto before = revocation_counter(database_).value();
    const Revocation revocation{kNow, pki::RevocationReason::key_compromise};
    EXPECT_EQ(revoke_session(database_, session, revocation).value().size(), 1U);
    EXPECT_GT(revocation_counter(database_).value(), before);
    EXPECT_EQ(find_certificate(database_, serial).value()->revocation->reason,
              pki::RevocationReason::key_compromise);
    EXPECT_FALSE(find_certificate(database_, other).value()->revocation);
    const auto counted = revocation_counter(database_).value();
    EXPECT_TRUE(revoke_session(database_, session, revocation).value().empty());
    EXPECT_EQ(revocation_counter(database_).value(), counted) << "nothing changed";
}

TEST_F(Store, RevokesWhatHasExpiredButCouldBeRenewed) {
    add_user("alice");
    const std::string session = add_session("alice");
    const std::string expired = add_certificate("alice", session, kNow + hours(1));
    const std::string newest = add_certificate("alice", session, kNow + hours(4));
    const SystemTime later = kNow + hours(3);
    const auto told =
        revoke_session(database_, session, {later, pki::RevocationReason::key_compromise}).value();
    EXPECT_THAT(told, ElementsAre(testing::Field(&IssuedCertificate::serial, newest)))
        << "what has expired is not told one by one";
    EXPECT_TRUE(find_certificate(database_, expired).value()->revocation);
    const auto revoked = revoked_serials(database_, later).value();
    EXPECT_THAT(revoked, testing::UnorderedElementsAre(testing::Field(&pki::RevokedSerial::serial, expired),
                                                       testing::Field(&pki::RevokedSerial::serial, newest)));
}

TEST_F(Store, KeepsRevokedCertificatesInTheCrlForAsLongAsATunnelMayLiveByThem) {
    add_user("alice");
    const std::string session = add_session("alice");
    const std::string serial = add_certificate("alice", session, kNow + hours(12));
    ASSERT_TRUE(revoke_session(database_, session, Revocation{kNow, pki::RevocationReason::unspecified}));
    ASSERT_TRUE(end_session(database_, session, kNow));
    ASSERT_EQ(revoked_serials(database_, kNow).value().size(), 1U);
    EXPECT_EQ(revoked_serials(database_, kNow).value()[0].serial, serial);
    const SystemTime end = kNow + hours(12) + pki::kLongestExpiryGrace + kClockSlack;
    EXPECT_EQ(revoked_serials(database_, end - seconds(1)).value().size(), 1U)
        << "by a gateway's grace it lives longer than its session";
    EXPECT_TRUE(revoked_serials(database_, end).value().empty());
}

TEST_F(Store, RevokesWhatATunnelLivesByAfterItsSession) {
    add_user("alice");
    const std::string session = add_session("alice");
    const std::string first = add_certificate("alice", session, kNow + hours(11));
    const std::string last = add_certificate("alice", session, kNow + hours(12));
    const SystemTime end = kNow + hours(12) + pki::kLongestExpiryGrace + kClockSlack;
    EXPECT_TRUE(sessions_with_live_certificates(database_, "alice", end).value().empty());
    const SystemTime later = kNow + hours(14);
    const auto sessions = sessions_with_live_certificates(database_, "alice", later).value();
    ASSERT_THAT(sessions, ElementsAre(testing::Field(&Session::id, session)));
    EXPECT_THAT(revoke_session(database_, session, {later, pki::RevocationReason::key_compromise}).value(),
                ElementsAre(testing::Field(&IssuedCertificate::serial, last)))
        << "one of them, so that the audit log knows";
    EXPECT_THAT(revoked_serials(database_, later).value(),
                testing::UnorderedElementsAre(testing::Field(&pki::RevokedSerial::serial, first),
                                              testing::Field(&pki::RevokedSerial::serial, last)));
    EXPECT_TRUE(sessions_with_live_certificates(database_, "alice", later).value().empty()) << "once";
}

TEST_F(Store, LeavesOutOfTheCrlWhatNoTunnelCanLiveBy) {
    add_user("alice");
    const std::string session = new_connection_id();
    ASSERT_TRUE(store::add_session(
        database_,
        Session{.id = session, .user = "alice", .created_at = kNow, .expires_at = kNow + hours(24 * 30)}));
    const std::string first = add_certificate("alice", session, kNow + hours(1));
    const std::string second = add_certificate("alice", session, kNow + hours(2));
    const SystemTime end = kNow + hours(1) + pki::kLongestExpiryGrace + kClockSlack;
    ASSERT_TRUE(revoke_session(database_, session, Revocation{end - seconds(1), {}}));
    EXPECT_EQ(revoked_serials(database_, end - seconds(1)).value().size(), 2U)
        << "a gateway with a grace carries tunnels of both";
    const auto revoked = revoked_serials(database_, end).value();
    EXPECT_THAT(revoked, ElementsAre(testing::Field(&pki::RevokedSerial::serial, second)));
    EXPECT_TRUE(find_certificate(database_, first).value()->revocation) << "it stays revoked";
}

TEST_F(Store, CountsWhatASessionAndItsUserWereGivenLately) {
    add_user("alice");
    add_user("bob");
    const std::string session = add_session("alice");
    add_certificate("alice", session, kNow + hours(1));
    add_certificate("alice", session, kNow + hours(1));
    add_certificate("alice", add_session("alice"), kNow + hours(1));
    add_certificate("bob", add_session("bob"), kNow + hours(1));
    const auto issued = [&](SystemTime now) {
        return certificates_issued(database_, "alice", session, now - minutes(30), now).value();
    };
    EXPECT_EQ(issued(kNow).to_session, 2U);
    EXPECT_EQ(issued(kNow).to_user, 3U);
    EXPECT_EQ(issued(kNow + minutes(30) - seconds(1)).to_user, 3U);
    EXPECT_EQ(issued(kNow + minutes(30)).to_user, 0U);
    EXPECT_EQ(issued(kNow - seconds(1)).to_user, 0U) << "a clock that went back holds nobody up";
}

TEST_F(Store, PutsEachCrlBehindTheLastAlsoWhenTheClockGoesBack) {
    const auto first = next_crl(database_, kNow).value();
    const auto second = next_crl(database_, kNow).value();
    const auto third = next_crl(database_, kNow - hours(1)).value();
    EXPECT_LT(first.number, second.number);
    EXPECT_LT(second.number, third.number);
    EXPECT_EQ(third.last_update, kNow);
    EXPECT_EQ(next_crl(database_, kNow).value().last_update, kNow - hours(1));
}

TEST_F(Store, NumbersCrlsHigherAfterAnOlderCopyWasRestored) {
    const auto before = next_crl(database_, kNow).value().number;
    database_.session() << "UPDATE counters SET value = 3 WHERE name = 'crl_number'";
    EXPECT_GT(next_crl(database_, kNow + seconds(1)).value().number, before);
}

TEST_F(Store, ListsLiveCertificatesOfOneUser) {
    add_user("alice");
    add_user("bob");
    const std::string alices = add_session("alice");
    const std::string bobs = add_session("bob");
    const std::string live = add_certificate("alice", alices, kNow + hours(1));
    add_certificate("alice", alices, kNow - hours(1));
    add_certificate("bob", bobs, kNow + hours(1));
    EXPECT_EQ(list_certificates(database_, {}).value().size(), 3U);
    EXPECT_EQ(list_certificates(database_, {.user = "alice", .live_at = std::nullopt}).value().size(), 2U);
    const auto listed = list_certificates(database_, {.user = "alice", .live_at = kNow}).value();
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].serial, live);
}

TEST_F(Store, ForgetsWhatIsLongOver) {
    add_user("alice");
    const std::string session = add_session("alice", kNow - hours(100));
    add_certificate("alice", session, kNow - hours(99));
    EXPECT_EQ(forget_sessions(database_, kNow).value(), 0) << "a certificate is left";
    EXPECT_EQ(forget_certificates(database_, kNow).value(), 1);
    EXPECT_EQ(forget_sessions(database_, kNow).value(), 1);
}

class Tokens : public Store {
protected:
    Secret make(SystemTime expires_at) {
        Secret token = pki::random_token(32);
        EXPECT_TRUE(add_token(database_, EnrolmentToken{.hash = token_hash(token),
                                                        .kind = pki::ServerKind::service,
                                                        .name = "orders-db",
                                                        .dns_names = {"db.example.org"},
                                                        .created_at = kNow,
                                                        .expires_at = expires_at}));
        return token;
    }
    static Result<EnrolmentToken> redeem(Database& database, const Secret& token, SystemTime now) {
        auto transaction = Transaction::write(database);
        if (!transaction) {
            return transaction.error();
        }
        auto redeemed = redeem_token(database, token, now);
        if (redeemed && !transaction->commit()) {
            return Failure{Code::io_failed, "commit"};
        }
        return redeemed;
    }
};

TEST_F(Tokens, AreWorthWhatTheySayOnce) {
    const Secret token = make(kNow + hours(1));
    const auto first = redeem(database_, token, kNow);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->kind, pki::ServerKind::service);
    EXPECT_EQ(first->name, "orders-db");
    EXPECT_THAT(first->dns_names, ElementsAre("db.example.org"));
    const auto second = redeem(database_, token, kNow);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::unauthenticated);
}

TEST_F(Tokens, StayUsedWhenTheClockGoesBack) {
    const Secret token = make(kNow + hours(1));
    ASSERT_TRUE(redeem(database_, token, kNow));
    EXPECT_FALSE(redeem(database_, token, kNow - hours(1)));
}

TEST_F(Tokens, AreWorthNothingAfterTheirEnd) {
    const Secret token = make(kNow + hours(1));
    EXPECT_EQ(redeem(database_, token, kNow + hours(1)).error().code, Code::unauthenticated);
}

TEST_F(Tokens, AreRefusedWhenUnknown) {
    EXPECT_EQ(redeem(database_, Secret(std::string_view("guess")), kNow).error().code, Code::unauthenticated);
}

TEST_F(Tokens, StayGoodWhenTheTransactionDoesNotCommit) {
    const Secret token = make(kNow + hours(1));
    {
        auto transaction = Transaction::write(database_);
        ASSERT_TRUE(transaction);
        ASSERT_TRUE(redeem_token(database_, token, kNow));
    }
    EXPECT_TRUE(redeem(database_, token, kNow));
}

TEST_F(Tokens, AreNotInTheStore) {
    const Secret token = make(kNow + hours(1));
    EXPECT_THAT(test::read(directory_.path() / "state.db") + test::read(directory_.path() / "state.db-wal"),
                testing::Not(testing::HasSubstr(std::string(token.reveal()))));
}

TEST_F(Tokens, AreRedeemedByOneOfManyAtOnce) {
    const Secret token = make(kNow + hours(1));
    std::atomic<int> successes = 0;
    std::atomic<int> refusals = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            Database own = Database::open(directory_.path() / "state.db").value();
            const auto redeemed = redeem(own, token, kNow);
            if (redeemed) {
                ++successes;
            } else if (redeemed.error().code == Code::unauthenticated) {
                ++refusals;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(successes, 1);
    EXPECT_EQ(refusals, 7);
}

/// Writes whole logins until it is killed; tells each committed one through the pipe.
[[noreturn]] void write_until_killed(const std::filesystem::path& file, int pipe) {
    Database database = Database::open(file).value();
    for (int i = 0;; ++i) {
        auto transaction = Transaction::write(database);
        const std::string session = new_connection_id();
        if (!transaction ||
            !store::add_session(
                database,
                Session{
                    .id = session, .user = "alice", .created_at = kNow, .expires_at = kNow + hours(12)}) ||
            !store::add_certificate(database, IssuedCertificate{.serial = session,
                                                                .user = "alice",
                                                                .session_id = session,
                                                                .not_after = kNow + hours(1),
                                                                .issued_at = kNow}) ||
            (i % 3 == 0 && !store::revoke_session(database, session, Revocation{kNow, {}})) ||
            !transaction->commit()) {
            ::_exit(1);
        }
        if (::write(pipe, session.data(), session.size()) != static_cast<ssize_t>(session.size())) {
            ::_exit(1);
        }
    }
}

TEST_F(Store, LosesNothingCommittedWhenKilledInTheMiddle) {
    add_user("alice");
    const auto file = directory_.path() / "state.db";
    std::size_t committed = 0;
    for (int round = 0; round < 8; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(ends[0]);
            write_until_killed(file, ends[1]);
        }
        ::close(ends[1]);
        std::vector<std::string> told;
        std::string id(36, '\0');
        // Killed while it works on one more: after a number of commits that differs each round.
        for (int i = 0; i < 3 + round * 5; ++i) {
            ASSERT_EQ(::read(ends[0], id.data(), id.size()), 36);
            told.push_back(id);
        }
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));
        while (::read(ends[0], id.data(), id.size()) == 36) {
            told.push_back(id);
        }
        ::close(ends[0]);

        Database reopened = Database::open(file).value();
        std::string verdict;
        reopened.session() << "PRAGMA integrity_check", soci::into(verdict);
        EXPECT_EQ(verdict, "ok");
        for (const std::string& session : told) {
            EXPECT_TRUE(find_session(reopened, session).value());
            EXPECT_TRUE(find_certificate(reopened, session).value());
        }
        int halves = 0;
        reopened.session() << "SELECT COUNT(*) FROM sessions WHERE NOT EXISTS "
                              "(SELECT 1 FROM certificates WHERE session_id = sessions.id)",
            soci::into(halves);
        EXPECT_EQ(halves, 0) << "half a login";
        committed += told.size();
    }
    EXPECT_GE(list_certificates(database_, {}).value().size(), committed);
}

TEST_F(Store, RemembersWhereEachPersonHasLoggedInFromLately) {
    add_user("alice");
    add_user("bob");
    const auto note = [&](const std::string& user, const std::string& network, SystemTime at) {
        auto transaction = Transaction::write(database_).value();
        ASSERT_TRUE(note_familiar_place(database_, {user, network}, at));
        ASSERT_TRUE(transaction.commit());
    };
    note("alice", "192.0.2.1", kNow);
    note("bob", "192.0.2.1", kNow + seconds(1));
    note("alice", "2001:db8::/64", kNow + seconds(2));
    note("alice", "192.0.2.1", kNow + seconds(3));
    EXPECT_THAT(
        familiar_places(database_, 10).value(),
        ElementsAre(Place("bob", "192.0.2.1"), Place("alice", "2001:db8::/64"), Place("alice", "192.0.2.1")));
    EXPECT_THAT(familiar_places(database_, 1).value(), ElementsAre(Place("alice", "192.0.2.1")))
        << "the newest, where there are more than one can hold";
    EXPECT_EQ(forget_familiar_places(database_, kNow + seconds(3)).value(), 2);
    EXPECT_THAT(familiar_places(database_, 10).value(), ElementsAre(Place("alice", "192.0.2.1")));
}

TEST_F(Store, RemembersABoundedNumberOfPlacesOfEach) {
    add_user("alice");
    add_user("bob");
    auto transaction = Transaction::write(database_).value();
    ASSERT_TRUE(note_familiar_place(database_, {"bob", "192.0.2.1"}, kNow));
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(
            note_familiar_place(database_, {"alice", "198.51.100." + std::to_string(i)}, kNow + seconds(i)));
    }
    ASSERT_TRUE(transaction.commit());
    const auto places = familiar_places(database_, 1000).value();
    EXPECT_EQ(places.size(), kMostPlacesOfAUser + 1);
    EXPECT_THAT(places.front(), Place("bob", "192.0.2.1")) << "another's stay";
    EXPECT_THAT(places.back(), Place("alice", "198.51.100.99"));
}

}  // namespace
}  // namespace postern::ca::store
