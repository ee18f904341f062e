// Cutting somebody off: revocation and expiry reach connections that are open, and what happens when the CA
// is away.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/certificate.hpp"
#include "support/silent_backend.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Long enough for a renewal on a busy machine, short enough to see the end of it.
constexpr std::chrono::seconds kShortLife = 9s;

StackOptions with_short_lives(const std::string& more = {}) {
    StackOptions options;
    options.ca = fmt::format("certificate_lifetime = \"{}s\"\n{}", kShortLife.count(), more);
    return options;
}

Laptop logged_in(const Stack& stack, const std::string& user) {
    Laptop laptop(stack, user);
    if (const ProcessResult login = laptop.login(); login.exit_code != 0) {
        throw std::runtime_error(user + " cannot log in: " + login.err);
    }
    return laptop;
}

/// Alice has logged in, and `postern connect` runs on her laptop.
struct Connected {
    explicit Connected(const StackOptions& options = {})
        : stack(options), alice(logged_in(stack, "alice")), agent(alice) {}

    ProcessResult select() const { return psql(agent.port(), "select 'let in'"); }

    Stack stack;
    Laptop alice;
    Agent agent;
};

/// Lets the certificate's life pass.
void outlive(const std::filesystem::path& certificate) {
    std::this_thread::sleep_until(pki::load_certificates(certificate).value().front().not_after() + 1s);
}

/// A psql that sleeps in the server until it is cut off.
class Sleeper {
public:
    explicit Sleeper(Connected& connected) : Sleeper(connected.stack, connected.agent.port(), "alice") {}
    Sleeper(Stack& stack, int port, const std::string& user)
        : process_([&] {
              ProcessOptions options;
              options.environment = {{"PGPASSWORD", user + "-password"}};
              return Process({"psql", "-X", "-h", "localhost", "-p", std::to_string(port), "-U", user, "-d",
                              "orders", "-c", "select pg_sleep(600)"},
                             options);
          }()) {
        const std::string active =
            "select count(*) from pg_stat_activity where usename = '" + user + "' and state = 'active'";
        if (!eventually([&] { return stack.postgres().sql(active) != "0"; })) {
            throw std::runtime_error("the query did not start: " + process_.err());
        }
    }
    Process& process() { return process_; }

private:
    Process process_;
};

TEST(Revocation, EndsALivePsqlWithinTwoSecondsAndSaysWhy) {
    Connected connected;
    Sleeper sleeper(connected);
    const auto began = std::chrono::steady_clock::now();
    connected.stack.ca_command(
        {"cert", "revoke", "--user", "alice", "--reason", "key_compromise", "--no-wait"});
    ASSERT_TRUE(sleeper.process().wait(10s));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LT(took, 2s);
    EXPECT_THAT(sleeper.process().err(), HasSubstr("FATAL"));
    EXPECT_THAT(sleeper.process().err(), HasSubstr("revoked"));
    const auto record = connected.stack.wait_for_record("connection.closed", "revoked");
    EXPECT_EQ(record["user"]["name"], "alice");
    EXPECT_EQ(record["postern"]["closed_by"], "gateway");
    EXPECT_TRUE(eventually([&] {
        return connected.stack.postgres().sql(
                   "select count(*) from pg_stat_activity where usename = 'alice'") == "0";
    }));
    // The agent still holds the revoked certificate: the next psql reads why, too.
    const ProcessResult next = connected.select();
    EXPECT_NE(next.exit_code, 0);
    EXPECT_THAT(next.err, HasSubstr("revoked"));
}

TEST(Revocation, OfWhichTheCommandSaysThatItIsInForceFindsTheTunnelCut) {
    Connected connected;
    Sleeper sleeper(connected);
    const std::string told = connected.stack.ca_command({"user", "disable", "alice"});
    EXPECT_THAT(told, HasSubstr("In force at: gw1 after "));
    EXPECT_TRUE(sleeper.process().wait(5s));
    EXPECT_THAT(sleeper.process().err(), HasSubstr("FATAL"));
}

/// The store is put back from a backup: nobody gets in who was revoked since, and everybody else again when
/// an administrator has accepted it.
TEST(RestoredStore, LetsNobodyBackInWhoWasCutOffSince) {
    Connected connected;
    const Stack& stack = connected.stack;
    const Laptop bob = logged_in(stack, "bob");
    const auto backup = stack.folder() / "backup";
    const auto copy = [](const std::filesystem::path& from, const std::filesystem::path& to) {
        for (const char* file : {"state.db", "state.db-wal", "state.db-shm"}) {
            std::filesystem::remove(to / file);
            if (std::filesystem::exists(from / file)) {
                std::filesystem::copy_file(from / file, to / file);
            }
        }
    };
    connected.stack.ca().stop();
    std::filesystem::create_directories(backup);
    copy(stack.ca_folder(), backup);
    connected.stack.start_ca();
    EXPECT_EQ(connected.select().out, "let in\n");
    connected.stack.ca_command({"user", "disable", "alice", "--no-wait"});
    // A store that lacks one change alone may be one that was not written to its end: that is carried over.
    connected.stack.ca_command({"user", "disable", "mallory", "--no-wait"});
    connected.stack.ca().stop();
    copy(backup, stack.ca_folder());
    connected.stack.start_ca();
    EXPECT_NE(bob.login().exit_code, 0);
    EXPECT_THAT(bob.login().err, HasSubstr("postern-ca store accept-restore"));
    EXPECT_THAT(connected.stack.ca_command({"store", "accept-restore"}), testing::ContainsRegex("Disabled: .*alice"));
    EXPECT_TRUE(eventually([&] { return bob.login().exit_code == 0; }));
    EXPECT_TRUE(eventually([&] { return connected.select().exit_code != 0; }));
    EXPECT_NE(connected.alice.login().exit_code, 0);
}

TEST(Revocation, InTheMidstOfTheServersHandshakeIsToldAsWhatItIs) {
    const StuckPostgres stuck;
    StackOptions options;
    options.gateway_tables = fmt::format(
        "[[service]]\nname = \"stuck-db\"\nbackend = \"127.0.0.1:{}\"\n"
        "[[rule]]\nservices = [\"stuck-db\"]\nusers = [\"alice\"]\n",
        stuck.port());
    const Stack stack(options);
    const Laptop alice = logged_in(stack, "alice");
    Process psql({program("postern"), "psql", "stuck-db", "--", "-X", "-c", "select 1"}, alice.options());
    stack.wait_for_record("connection.accepted");
    stack.ca_command({"cert", "revoke", "--user", "alice", "--reason", "key_compromise"});
    ASSERT_TRUE(psql.wait(10s));
    EXPECT_THAT(psql.err(), HasSubstr("FATAL"));
    EXPECT_THAT(psql.err(), HasSubstr("revoked"));
    EXPECT_THAT(psql.err(), HasSubstr("postern login"));
    EXPECT_EQ(stack.wait_for_record("connection.closed", "revoked")["postern"]["closed_by"], "gateway");
}

TEST(Revocation, OfOneLoginLeavesTheOthersConnected) {
    Connected connected;
    const Laptop bob = logged_in(connected.stack, "bob");
    const Agent bobs(bob);
    Sleeper hers(connected);
    Sleeper his(connected.stack, bobs.port(), "bob");
    connected.stack.ca_command({"user", "disable", "alice"});
    ASSERT_TRUE(hers.process().wait(10s));
    EXPECT_EQ(connected.stack.wait_for_record("connection.closed", "user_disabled")["user"]["name"], "alice");
    EXPECT_NE(connected.select().exit_code, 0);
    EXPECT_EQ(psql(bobs.port(), "select 'let in'", "bob").out, "let in\n");
    EXPECT_TRUE(his.process().is_running()) << his.process().err();
}

TEST(Logout, EndsTheSessionAndItsTunnels) {
    Connected connected;
    const auto kept = connected.stack.folder() / "kept.pem";
    const auto kept_key = connected.stack.folder() / "kept.key";
    std::filesystem::copy_file(connected.alice.certificate(), kept);
    std::filesystem::copy_file(connected.alice.key(), kept_key);
    Sleeper sleeper(connected);
    EXPECT_EQ(connected.alice.postern({"logout"}).exit_code, 0);
    EXPECT_FALSE(std::filesystem::exists(connected.alice.key()));
    EXPECT_TRUE(sleeper.process().wait(10s));
    // A copy that somebody made of the certificate is worth nothing as soon as the gateway knows.
    ProcessOptions with_password;
    with_password.environment["PGPASSWORD"] = "alice-password";
    const auto connect_with_copy = [&] {
        return connected.alice.postern({"psql", "--cert", kept, "--key", kept_key, "orders-db", "--", "-X",
                                        "-d", "orders", "-c", "select 1"},
                                       with_password);
    };
    EXPECT_TRUE(eventually([&] { return connect_with_copy().exit_code != 0; }));
    // That one may have been let in, and cut: the next one is turned away.
    const ProcessResult refused = connect_with_copy();
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.err, HasSubstr("your login session has ended"));
    connected.stack.wait_for_record("connection.rejected", "session_ended");
}

TEST(Expiry, CutsALiveTunnelWhenNobodyRenews) {
    Stack stack(with_short_lives());
    const Laptop alice = logged_in(stack, "alice");
    // Given files are not renewed.
    const Agent agent(alice, {"--cert", alice.certificate(), "--key", alice.key()});
    Sleeper sleeper(stack, agent.port(), "alice");
    ASSERT_TRUE(sleeper.process().wait(kShortLife + 10s));
    EXPECT_EQ(stack.wait_for_record("connection.closed", "expired")["user"]["name"], "alice");
    EXPECT_THAT(sleeper.process().err(), HasSubstr("expired"));
}

TEST(Expiry, IsOutlivedByATunnelWhoseAgentRenewsSilently) {
    Connected connected(with_short_lives());
    Sleeper sleeper(connected);
    outlive(connected.alice.certificate());
    outlive(connected.alice.certificate());
    EXPECT_TRUE(sleeper.process().is_running()) << sleeper.process().err();
    EXPECT_EQ(connected.select().out, "let in\n");
}

TEST(Expiry, AfterSleepTheFirstConnectionRenews) {
    Connected connected(with_short_lives());
    {
        // A suspended laptop: the agent's process stands still past the certificate's end.
        const Pause pause(connected.agent.agent_pid());
        outlive(connected.alice.certificate());
    }
    const ProcessResult outcome = connected.select();
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
}

TEST(Session, EndsAndAPersonLogsInAgain) {
    Connected connected(with_short_lives("session_lifetime = \"14s\"\n"));
    EXPECT_EQ(connected.select().out, "let in\n");
    outlive(connected.alice.certificate());
    EXPECT_EQ(connected.select().out, "let in\n") << "renewed";
    outlive(connected.alice.certificate());
    const ProcessResult refused = connected.select();
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    EXPECT_THAT(refused.err, HasSubstr("postern login"));
    ASSERT_EQ(connected.alice.login().exit_code, 0);
    // The running agent takes the new login up by itself.
    EXPECT_EQ(connected.select().out, "let in\n");
}

TEST(CaService, MayBeDownWhileACertificateIsValid) {
    Connected connected;
    ASSERT_EQ(connected.select().out, "let in\n");
    connected.stack.kill_ca();
    EXPECT_EQ(connected.select().out, "let in\n");

    // When it is needed, the error is clear.
    const ProcessResult login = connected.alice.login();
    EXPECT_EQ(login.exit_code, 5);
    EXPECT_THAT(login.err, HasSubstr("hint:"));
    connected.stack.start_ca();
    EXPECT_EQ(connected.alice.login().exit_code, 0);
}

TEST(CaService, BackInAMomentIsWaitedForByWhoNeedsIt) {
    Connected connected(with_short_lives());
    connected.stack.kill_ca();
    outlive(connected.alice.certificate());
    auto selected = std::async(std::launch::async, [&] { return connected.select(); });
    std::this_thread::sleep_for(300ms);
    connected.stack.start_ca();
    const ProcessResult outcome = selected.get();
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
}

TEST(CaService, DownWhenItIsNeededIsToldInPsql) {
    Connected connected(with_short_lives());
    connected.stack.kill_ca();
    outlive(connected.alice.certificate());
    const ProcessResult refused = connected.select();
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    EXPECT_THAT(refused.err, HasSubstr("CA service"));
    EXPECT_THAT(refused.err, HasSubstr("HINT"));
}

TEST(StaleCrl, MeansRefusalAndLeavesOpenTunnelsOpen) {
    StackOptions options;
    options.ca = "crl_lifetime = \"6s\"\n";
    Connected connected(options);
    Sleeper sleeper(connected);
    ASSERT_EQ(connected.select().out, "let in\n");
    connected.stack.kill_ca();
    ProcessResult refused;
    EXPECT_TRUE(eventually(
        [&] {
            refused = connected.select();
            return refused.exit_code != 0;
        },
        20s));
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    connected.stack.wait_for_record("connection.rejected", "crl_stale");
    EXPECT_TRUE(sleeper.process().is_running()) << sleeper.process().err();
    connected.stack.start_ca();
    EXPECT_TRUE(eventually([&] { return connected.select().exit_code == 0; }));
}

// As after a change of the CA's issuing key, of which the gateway's list does not speak.
TEST(StaleCrl, IsAReasonToRenewACertificateThatIsNotNew) {
    StackOptions options;
    options.ca = "crl_lifetime = \"8s\"\ncertificate_lifetime = \"60s\"\n";
    Connected connected(options);
    ASSERT_EQ(connected.select().out, "let in\n");
    std::ifstream in(connected.stack.gateway_config());
    std::string config((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string url = connected.stack.ca_url();
    config.replace(config.find(url), url.size(), fmt::format("https://localhost:{}", free_port()));
    std::ofstream(connected.stack.gateway_config(), std::ios::trunc) << config;
    connected.stack.kill_gateway();
    connected.stack.start_gateway();
    const auto renewals = [&] {
        const ProcessResult outcome =
            run({program("postern-audit"), "query", connected.stack.ca_folder() / "audit.jsonl", "--action",
                 "certificate.renewed", "--json"});
        return std::count(outcome.out.begin(), outcome.out.end(), '\n');
    };
    ASSERT_EQ(renewals(), 0);
    EXPECT_TRUE(eventually([&] { return connected.select().exit_code != 0 && renewals() > 0; }, 25s));
}

}  // namespace
}  // namespace postern::test
