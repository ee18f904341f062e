// A store that was put back from a backup: noticed by the audit log, which knows more, and held back until
// somebody accepts it.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "audit/log.hpp"
#include "audit/log_path.hpp"
#include "base/json.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/change_log.hpp"
#include "ca-service/store/changes.hpp"
#include "pki/crl.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RestoredStore : public CaService {
protected:
    static constexpr const char* kStoreFiles[] = {"state.db", "state.db-wal", "state.db-shm"};

    void good(std::vector<std::string> arguments) const {
        const Ran ran = ca(std::move(arguments));
        ASSERT_EQ(ran.exit_code, 0) << ran.err;
    }
    void stop() {
        service_.reset();
        database_.reset();
    }
    void copy_store(const fs::path& from, const fs::path& to) const {
        for (const char* file : kStoreFiles) {
            fs::remove(to / file);
            if (fs::exists(from / file)) {
                fs::copy_file(from / file, to / file);
            }
        }
    }
    void back_up() {
        stop();
        fs::create_directories(directory_.path() / "backup");
        copy_store(ca_, directory_.path() / "backup");
        start(config());
    }
    void put_back() {
        stop();
        copy_store(directory_.path() / "backup", ca_);
    }
    bool is_published(const std::string& serial, const pki::Certificate& issuer,
                      pki::RevocationReason reason) {
        const auto answer = client().get("/v1/crl");
        if (!answer || answer->status != 200) {
            return false;
        }
        return pki::Crl::verify(answer->body, issuer).value().find(serial) == reason;
    }
};

TEST_F(RestoredStore, IsHeldBackUntilItIsAcceptedAndThenKnowsWhatTheLogKnows) {
    const auto before = credentials_of(login("alice", "correct horse"));
    back_up();
    const auto after = credentials_of(login("alice", "correct horse"));
    good({"user", "disable", "alice"});
    put_back();
    start(config());
    for (const http::ClientAnswer& answer :
         {client().get("/v1/crl").value(), login("alice", "correct horse"), renew(before), renew(after),
          client().get("/v1/health").value(), client().get("/v1/crl/changes?after=1").value()}) {
        EXPECT_EQ(answer.status, 503U);
        ASSERT_TRUE(answer.problem);
        EXPECT_THAT(answer.problem->hint, HasSubstr("postern-ca store accept-restore"));
    }
    EXPECT_EQ(client().get("/v1/trust").value().status, 200U);
    const Ran refused = ca({"user", "enable", "alice"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("put back from a backup"));
    EXPECT_THAT(refused.err, HasSubstr("store accept-restore"));

    const Ran accepted = ca({"store", "accept-restore"});
    EXPECT_EQ(accepted.exit_code, 0) << accepted.err;
    EXPECT_THAT(accepted.out, HasSubstr("Disabled: alice."));
    // The service goes on by itself, and its list has both: the one that the store knew, and the one that the
    // log alone knew.
    const auto issuer = before.chain.back();
    for (const auto& credentials : {before, after}) {
        EXPECT_TRUE(eventually([&] {
            service_->tick();
            return is_published(credentials.chain.front().serial(), issuer,
                                pki::RevocationReason::privilege_withdrawn);
        }));
    }
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::user_disabled);
    EXPECT_THAT(records(), testing::Contains("admin.store_restored"));
    good({"user", "enable", "alice"});
    EXPECT_EQ(login("alice", "correct horse").status, 200U);
}

TEST_F(RestoredStore, TakesNoPasswordThatWasChangedSince) {
    back_up();
    // As `user passwd` does, without a terminal.
    {
        std::ofstream(directory_.path() / "in") << "another horse\n";
        const UniqueFd in(::open((directory_.path() / "in").c_str(), O_RDONLY));
        const UniqueFd kept(::dup(0));
        ::dup2(in.get(), 0);
        const Ran changed = ca({"user", "passwd", "alice", "--password-stdin"});
        ::dup2(kept.get(), 0);
        ASSERT_EQ(changed.exit_code, 0) << changed.err;
    }
    good({"group", "add", "alice", "auditors"});
    good({"group", "remove", "alice", "analysts"});
    put_back();
    const Ran accepted = ca({"store", "accept-restore", "--json"});
    ASSERT_EQ(accepted.exit_code, 0) << accepted.err;
    const auto told = parse_json(accepted.out);
    EXPECT_EQ(told["without_password"], nlohmann::json({"alice"}));
    EXPECT_EQ(told["group_changes"], 2);
    start(config());
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::unauthenticated);
    store::Database database = store::Database::open(ca_ / "state.db").value();
    EXPECT_EQ(store::find_user(database, "alice").value()->groups, std::vector<std::string>{"auditors"});
}

TEST_F(RestoredStore, KnowsAgainWhoWasLoggedInSinceAndCanRevokeThem) {
    back_up();
    const auto since = credentials_of(login("alice", "correct horse"));
    const auto renewed = credentials_of(renew(since));
    put_back();
    good({"store", "accept-restore"});
    start(config());
    EXPECT_EQ(renew(renewed).status, 200U) << "nobody need log in again";
    good({"cert", "revoke", renewed.chain.front().serial(), "--no-wait"});
    const auto issuer = since.chain.back();
    EXPECT_TRUE(eventually([&] {
        return is_published(since.chain.front().serial(), issuer, pki::RevocationReason::unspecified);
    }));
}

TEST_F(RestoredStore, ListsTheServicesThatWereEnrolledSince) {
    back_up();
    const Ran made = ca({"token", "create", "--service", "orders-db", "--service", "hr-db", "--dns",
                         "db1.example.org", "--dns", "10.0.0.5", "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const nlohmann::json body{{"token", parse_json(made.out)["token"]}, {"csr", csr_}};
    ASSERT_EQ(client().post_json("/v1/enroll", json_text(body)).value().status, 200U);
    const std::string services = ca({"check-config", "--json"}).out;
    const std::string certificates = ca({"cert", "list", "--servers", "--json"}).out;
    EXPECT_THAT(services, HasSubstr("hr-db"));
    put_back();
    EXPECT_THAT(ca({"check-config", "--json"}).out, testing::Not(HasSubstr("hr-db")));
    good({"store", "accept-restore"});
    EXPECT_EQ(ca({"check-config", "--json"}).out, services);
    const auto listed = [](const std::string& text) {
        auto list = parse_json(text)["server_certificates"];
        list[0].erase("issued");
        return list;
    };
    EXPECT_EQ(listed(ca({"cert", "list", "--servers", "--json"}).out), listed(certificates));
}

TEST_F(RestoredStore, CountsNoTokenThatMayHaveBeenUsedSince) {
    const Ran made = ca({"token", "create", "--gateway", "gw1", "--dns", "localhost", "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    back_up();
    good({"group", "add", "alice", "auditors"});
    good({"group", "add", "alice", "readers"});
    put_back();
    const Ran accepted = ca({"store", "accept-restore", "--json"});
    EXPECT_EQ(parse_json(accepted.out)["tokens_withdrawn"], 1);
    start(config());
    const nlohmann::json body{{"token", parse_json(made.out)["token"]}, {"csr", csr_}};
    EXPECT_EQ(client().post_json("/v1/enroll", json_text(body)).value().status, 401U);
}

TEST_F(RestoredStore, IsNoneAfterAnOrdinaryStopNorWhereOneChangeWasInterrupted) {
    good({"user", "disable", "alice"});
    back_up();
    EXPECT_EQ(client().get("/v1/crl").value().status, 200U);
    EXPECT_THAT(ca({"store", "accept-restore"}).out, HasSubstr("nothing to carry over"));
    // The record is written before the commit: a power cut between them leaves the log ahead by one.
    good({"user", "enable", "alice"});
    put_back();
    start(config());
    EXPECT_EQ(client().get("/v1/crl").value().status, 200U);
    EXPECT_EQ(login("alice", "correct horse").status, 200U) << "the change is finished";
    EXPECT_THAT(records(), testing::Contains("admin.store_caught_up"));
}

/// A command that is killed between its record and its commit, while the service goes on.
TEST_F(RestoredStore, IsNotWhatAnInterruptedCommandLeavesToARunningService) {
    const auto before = credentials_of(login("alice", "correct horse"));
    const auto log = audit::Log::open(config().audit_log(), system_clock()).value();
    const auto interrupt = [&](const std::string& action) {
        auto transaction = store::Transaction::write(*database_).value();
        audit::Record record = record_of(Actor::local_administrator(), action);
        record.user = "alice";
        ASSERT_TRUE(begin_change(*database_, {&record, 1}));
        ASSERT_TRUE(log->append(record));
    };
    interrupt("admin.user_disabled");
    EXPECT_EQ(renew(before).status, 503U) << "its number is taken, and it is not done";
    service_->tick();
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::user_disabled) << "it is done before the next";
    good({"user", "enable", "alice"});
    interrupt("admin.user_disabled");
    const Ran other = ca({"group", "add", "alice", "auditors"});
    EXPECT_EQ(other.exit_code, 0) << other.err;
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::user_disabled) << "by the next command, too";
    std::map<std::uint64_t, std::set<std::string>> changes;
    for (const LoggedChange& change : logged_changes(ca_ / "audit.jsonl", 0, SystemTime()).value().changes) {
        changes[change.number].insert(change.action);
    }
    for (const auto& [number, actions] : changes) {
        EXPECT_TRUE(actions.size() == 1 || actions.contains("login.succeeded")) << number;
    }
}

TEST(ChangeLog, IsFollowedFromWhereItWasLeft) {
    const test::TemporaryDirectory directory;
    const fs::path log = directory.path() / "audit.jsonl";
    const auto line = [](int number) {
        return "{\"event\":{\"action\":\"admin.user_added\"},\"postern\":{\"store\":{\"change\":" +
               std::to_string(number) + "}}}\n";
    };
    ChangeLogTail tail(log);
    EXPECT_EQ(tail.newest().value(), 0U) << "there is no log";
    std::ofstream(log) << line(1) << "{}\n";
    EXPECT_EQ(tail.newest().value(), 1U);
    std::ofstream(log, std::ios::app) << "{}\n" << line(2) << line(3).substr(0, 20);
    EXPECT_EQ(tail.newest().value(), 2U) << "a torn line is none";
    std::ofstream(log, std::ios::app) << line(3).substr(20);
    EXPECT_EQ(tail.newest().value(), 3U);
    std::ofstream(log, std::ios::app) << line(4);
    fs::rename(log, audit::rotated_path(log, SystemTime(std::chrono::seconds(1'800'000'000)), 1));
    EXPECT_EQ(tail.newest().value(), 3U) << "between two files";
    std::ofstream(log) << "{}\n";
    EXPECT_EQ(tail.newest().value(), 4U) << "what was written last before the rotation";
    std::ofstream(log, std::ios::app) << line(5);
    EXPECT_EQ(tail.newest().value(), 5U);
}

TEST_F(RestoredStore, IsAcceptedWithALogThatDoesNotGoBackFarEnoughOnlyIfThatIsSaid) {
    back_up();
    good({"group", "add", "alice", "auditors"});
    good({"user", "disable", "alice"});
    good({"group", "add", "alice", "readers"});
    put_back();
    // The first of the three is gone from the log.
    const std::string log = test::read(ca_ / "audit.jsonl");
    const std::size_t mark = log.find("auditors");
    const std::size_t begin = log.rfind('\n', mark) + 1;
    const std::string shorter = log.substr(0, begin) + log.substr(log.find('\n', mark) + 1);
    EXPECT_TRUE(logged_changes(ca_ / "audit.jsonl", 0, SystemTime()).value().is_whole);
    std::ofstream(directory_.path() / "short.jsonl") << shorter;
    store::Database database = store::Database::open(ca_ / "state.db").value();
    const auto counter = store::change_counter(database).value();
    const auto missing = logged_changes(directory_.path() / "short.jsonl", counter, SystemTime()).value();
    EXPECT_FALSE(missing.is_whole);
    EXPECT_EQ(missing.newest, counter + 3);
    EXPECT_EQ(missing.changes.size(), 2U);
}

TEST(ChangeLog, IsReadFromTheEndAcrossFilesAndWhateverStandsBehind) {
    const test::TemporaryDirectory directory;
    const fs::path log = directory.path() / "audit.jsonl";
    EXPECT_EQ(newest_logged_change(log).value(), std::nullopt);
    const auto line = [](int number, const std::string& action) {
        return "{\"event\":{\"action\":\"" + action +
               "\"},\"postern\":{\"store\":{\"change\":" + std::to_string(number) +
               "}},\"user\":{\"name\":\"alice\"}}\n";
    };
    const std::string noise = "{\"message\":\"\\\"store\\\":{\\\"change\\\":999}\"}\n";
    std::string much;
    while (much.size() < 3U << 20) {
        much += noise;
    }
    const fs::path elder = audit::rotated_path(log, SystemTime(std::chrono::seconds(1'800'000'000)), 1);
    std::ofstream(elder) << line(1, "admin.user_added") << line(2, "admin.user_disabled") << much;
    std::ofstream(log) << much << much;
    EXPECT_EQ(newest_logged_change(log).value(), 2U);
    std::ofstream(log, std::ios::app)
        << line(3, "admin.user_enabled") << noise << "{\"postern\":{\"store\":{\"change\":4";
    EXPECT_EQ(newest_logged_change(log).value(), 3U) << "a torn line is none";
    const auto since = logged_changes(log, 1, SystemTime()).value();
    EXPECT_TRUE(since.is_whole);
    ASSERT_EQ(since.changes.size(), 2U);
    EXPECT_EQ(since.changes[0].action, "admin.user_disabled");
    EXPECT_EQ(since.changes[1].action, "admin.user_enabled");
    EXPECT_EQ(since.changes[1].user, "alice");
    EXPECT_TRUE(logged_changes(log, 3, SystemTime()).value().changes.empty());
    std::ofstream(directory.path() / "empty.jsonl");
    EXPECT_EQ(newest_logged_change(directory.path() / "empty.jsonl").value(), std::nullopt);
}

}  // namespace
}  // namespace postern::ca
