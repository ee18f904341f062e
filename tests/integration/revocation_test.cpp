// Cutting somebody off: revocation and expiry reach connections that are open, and what happens when the CA
// is away.
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A psql that sleeps in the server until it is cut off.
class Sleeper {
public:
    Sleeper(Stack& stack, int port, const std::string& user = "alice")
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
    Stack stack;
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    Sleeper sleeper(stack, agent.port());

    const auto began = std::chrono::steady_clock::now();
    stack.ca_command({"cert", "revoke", "--user", "alice", "--reason", "key_compromise"});
    ASSERT_TRUE(sleeper.process().wait(10s));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LT(took, 2s);
    EXPECT_THAT(sleeper.process().err(), HasSubstr("FATAL"));
    EXPECT_THAT(sleeper.process().err(), HasSubstr("revoked"));
    const auto record = stack.wait_for_record("connection.closed", "revoked");
    EXPECT_EQ(record["user"]["name"], "alice");
    EXPECT_EQ(record["postern"]["closed_by"], "gateway");
    EXPECT_TRUE(eventually([&] {
        return stack.postgres().sql("select count(*) from pg_stat_activity where usename = 'alice'") == "0";
    }));
    // The agent still holds the revoked certificate: the next psql reads why, too.
    const Outcome next = psql(agent.port(), "select 1");
    EXPECT_NE(next.exit_code, 0);
    EXPECT_THAT(next.err, HasSubstr("revoked"));
}

TEST(Revocation, OfOneLoginLeavesTheOthersConnected) {
    Stack stack;
    Laptop alice(stack, "alice");
    Laptop bob(stack, "bob");
    ASSERT_EQ(alice.login().exit_code, 0);
    ASSERT_EQ(bob.login().exit_code, 0);
    const Agent alices(alice);
    const Agent bobs(bob);
    Sleeper hers(stack, alices.port());
    Sleeper his(stack, bobs.port(), "bob");
    stack.ca_command({"user", "disable", "alice"});
    ASSERT_TRUE(hers.process().wait(10s));
    EXPECT_EQ(stack.wait_for_record("connection.closed", "user_disabled")["user"]["name"], "alice");
    std::this_thread::sleep_for(1s);
    EXPECT_TRUE(his.process().is_running());
}

TEST(Logout, EndsTheSessionAndItsTunnels) {
    Stack stack;
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const auto kept = stack.folder() / "kept.pem";
    const auto kept_key = stack.folder() / "kept.key";
    std::filesystem::copy_file(alice.certificate(), kept);
    std::filesystem::copy_file(alice.key(), kept_key);
    const Agent agent(alice);
    Sleeper sleeper(stack, agent.port());
    EXPECT_EQ(alice.postern({"logout"}).exit_code, 0);
    EXPECT_FALSE(std::filesystem::exists(alice.key()));
    EXPECT_TRUE(sleeper.process().wait(10s));
    // A copy that somebody made of the certificate is worth nothing any more.
    const Outcome outcome =
        alice.postern({"psql", "--cert", kept, "--key", kept_key, "orders-db", "--", "-c", "select 1"});
    EXPECT_NE(outcome.exit_code, 0);
    stack.wait_for_record("connection.rejected", "session_ended");
}

TEST(Expiry, CutsALiveTunnelWhenNobodyRenews) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    // Given files are not renewed.
    const Agent agent(alice, {"--cert", alice.certificate(), "--key", alice.key()});
    Sleeper sleeper(stack, agent.port());
    ASSERT_TRUE(sleeper.process().wait(20s));
    EXPECT_EQ(stack.wait_for_record("connection.closed", "expired")["user"]["name"], "alice");
    EXPECT_THAT(sleeper.process().err(), HasSubstr("expired"));
}

TEST(Expiry, IsOutlivedByATunnelWhoseAgentRenewsSilently) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    Sleeper sleeper(stack, agent.port());
    std::this_thread::sleep_for(20s);
    EXPECT_TRUE(sleeper.process().is_running()) << sleeper.process().err();
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
}

TEST(Expiry, AfterSleepTheFirstConnectionRenews) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    Agent agent(alice);
    // A suspended laptop: the agent's process stands still past the certificate's end.
    agent.process().signal(SIGSTOP);
    std::this_thread::sleep_for(12s);
    agent.process().signal(SIGCONT);
    const Outcome outcome = psql(agent.port(), "select 'let in'");
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
}

TEST(Session, EndsAndAPersonLogsInAgain) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\nsession_lifetime = \"12s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    std::this_thread::sleep_for(14s);
    const Outcome refused = psql(agent.port(), "select 'let in'");
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    EXPECT_THAT(refused.err, HasSubstr("postern login"));
    ASSERT_EQ(alice.login().exit_code, 0);
    // The running agent takes the new login up by itself.
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
}

TEST(CaService, MayBeDownWhileACertificateIsValid) {
    StackOptions options;
    options.ca = "crl_lifetime = \"5m\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    stack.kill_ca();
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");

    // When it is needed, the error is clear.
    const Outcome login = alice.login();
    EXPECT_EQ(login.exit_code, 5);
    EXPECT_THAT(login.err, HasSubstr("hint:"));
    stack.start_ca();
    EXPECT_EQ(alice.login().exit_code, 0);
}

TEST(CaService, DownWhenItIsNeededIsToldInPsql) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    stack.kill_ca();
    std::this_thread::sleep_for(11s);
    const Outcome refused = psql(agent.port(), "select 1");
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    EXPECT_THAT(refused.err, HasSubstr("CA service"));
    EXPECT_THAT(refused.err, HasSubstr("HINT"));
}

TEST(StaleCrl, MeansRefusal) {
    StackOptions options;
    options.ca = "crl_lifetime = \"6s\"\n";
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    stack.kill_ca();
    std::this_thread::sleep_for(8s);
    const Outcome refused = psql(agent.port(), "select 'let in'");
    EXPECT_THAT(refused.err, HasSubstr("FATAL"));
    stack.wait_for_record("connection.rejected", "crl_stale");
}

}  // namespace
}  // namespace postern::test
