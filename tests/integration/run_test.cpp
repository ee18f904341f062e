// A program that `postern run` starts is as it would be without it: its words, its signals, its limits. And
// what `postern connect` leaves behind holds nothing of whoever called it.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/at_terminal.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Run : public SharedStack {
protected:
    static std::vector<std::string> command_of(std::vector<std::string> words) {
        std::vector<std::string> command{program("postern"), "run", "orders-db", "--"};
        command.insert(command.end(), words.begin(), words.end());
        return command;
    }
};

TEST_F(Run, GivesTheProgramItsWordsAsTheyAre) {
    const Laptop alice = logged_in();
    const std::vector<std::string> words{"[a,b]", "[]", "[\"x\", \"y\"]", "--", "-h", "", "%%", "a b"};
    std::vector<std::string> print{"printf", "<%s>"};
    print.insert(print.end(), words.begin(), words.end());
    std::string expected;
    for (const auto& word : words) {
        expected += "<" + word + ">";
    }
    const ProcessResult printed = run(command_of(print), alice.options());
    EXPECT_EQ(printed.out, expected) << printed.err;
    const ProcessResult tested = run(command_of({"sh", "-c", "[ \"$PGPORT\" -gt 0 ]"}), alice.options());
    EXPECT_EQ(tested.exit_code, 0) << tested.err;
    ProcessOptions password = alice.options();
    password.environment["PGPASSWORD"] = "alice-password";
    const ProcessResult selected = run({program("postern"), "psql", "orders-db", "--", "-X", "-d", "orders",
                                        "-At", "-v", "list=[1,2]", "-f", "/dev/stdin"},
                                       password);
    EXPECT_EQ(selected.exit_code, 0) << selected.err;
    const ProcessResult nothing = run(command_of({}), alice.options());
    EXPECT_EQ(nothing.exit_code, 2);
    EXPECT_THAT(nothing.err, HasSubstr("run which program?"));
}

TEST_F(Run, PassesOnWhatIsSentToItselfAlone) {
    const Laptop alice = logged_in();
    const std::string script =
        "trap 'echo got-usr1' USR1; trap 'echo got-winch' WINCH; trap 'exit 7' INT; "
        "echo ready; while :; do sleep 0.05; done";
    Process running(command_of({"sh", "-c", script}), alice.options());
    running.wait_for_out("ready");
    running.signal(SIGUSR1);
    running.wait_for_out("got-usr1");
    running.signal(SIGWINCH);
    running.wait_for_out("got-winch");
    running.signal(SIGINT);
    EXPECT_EQ(running.wait(10s), 7) << running.err();
    Process ended(command_of({"sh", "-c", "echo ready; exec sleep 60"}), alice.options());
    ended.wait_for_out("ready");
    ended.signal(SIGTERM);
    EXPECT_EQ(ended.wait(10s), 128 + SIGTERM);
}

TEST_F(Run, OutlivesTheTerminalBehindNohup) {
    const Laptop alice = logged_in();
    const auto behind_nohup = [](std::vector<std::string> command) {
        command.insert(command.begin(), "nohup");
        return command;
    };
    Process running(behind_nohup(command_of({"sh", "-c", "echo ready; sleep 0.5; echo done"})),
                    alice.options());
    running.wait_for_out("ready");
    running.signal(SIGHUP);
    EXPECT_EQ(running.wait(10s), 0) << running.err();
    EXPECT_THAT(running.out(), HasSubstr("done"));
    const int port = free_port();
    Process connected(behind_nohup({program("postern"), "connect", fmt::format("orders-db:{}", port)}),
                      alice.options());
    connected.wait_for_out("jdbc:");
    connected.signal(SIGHUP);
    EXPECT_FALSE(connected.wait(300ms).has_value());
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    EXPECT_EQ(connected.stop(), 0) << connected.err();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    Process agent(behind_nohup({program("postern"), "agent"}), alice.options());
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(alice.agent_socket()); })) << agent.err();
    agent.signal(SIGHUP);
    EXPECT_FALSE(agent.wait(1500ms).has_value());
    EXPECT_EQ(agent.stop(), 0) << agent.err();
}

// A shell's script starts its jobs so: Ctrl-C is for what runs in the foreground.
TEST_F(Run, AConnectInTheBackgroundOfAScriptIsNotWhatCtrlCIsFor) {
    const Laptop alice = logged_in();
    const int port = free_port();
    Process connected(
        {"bash", "-c",
         fmt::format("trap '' INT; exec {} connect orders-db:{}", program("postern").string(), port)},
        alice.options());
    connected.wait_for_out("jdbc:");
    connected.signal(SIGINT);
    EXPECT_FALSE(connected.wait(500ms).has_value());
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    EXPECT_EQ(connected.stop(), 0) << connected.err();
}

TEST_F(Run, AJobInTheBackgroundLeavesTheTerminalAlone) {
    const Laptop alice = logged_in();
    const int port = free_port();
    const std::string script = fmt::format(
        "set -m; {} connect orders-db:{} 2>/dev/null & until psql -X -h localhost -p {} -U alice -d orders "
        "-c "
        "'select 1'; do sleep 0.1; done; sleep 1; kill %1; wait; echo 'all done'",
        program("postern").string(), port, port);
    ProcessOptions options = alice.options();
    options.environment["PGPASSWORD"] = "alice-password";
    const ProcessResult outcome = at_terminal({}, {"bash", "-c", script}, options);
    EXPECT_THAT(outcome.out, HasSubstr("all done"));
    EXPECT_THAT(outcome.out, HasSubstr("jdbc:"));
    EXPECT_THAT(outcome.out, testing::Not(HasSubstr("connected"))) << "the status line";
}

TEST_F(Run, GivesTheProgramTheLimitsThatItWasStartedWith) {
    const Laptop alice = logged_in();
#ifdef __SANITIZE_ADDRESS__
    // AddressSanitizer itself takes the soft limit of core dumps away.
    const std::string print = "ulimit -Sn; ulimit -Hn; ulimit -Hc; umask";
#else
    const std::string print = "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; umask";
#endif
    const std::string limited = "umask 027; ulimit -c unlimited; ulimit -Sn 777; ";
    const ProcessResult plain = run({"bash", "-c", limited + print});
    const ProcessResult behind = run({"bash", "-c",
                                      fmt::format("{} exec {} run orders-db -- bash -c '{}'", limited,
                                                  program("postern").string(), print)},
                                     alice.options());
    EXPECT_EQ(behind.out, plain.out) << behind.err;
    EXPECT_THAT(behind.out, HasSubstr("777"));
}

TEST_F(Run, LeavesNothingInTheEnvironmentThatIsAboutAnotherTls) {
    const Laptop alice = logged_in();
    ProcessOptions options = alice.options();
    options.environment["PGSSLROOTCERT"] = "system";
    options.environment["PGSSLCERTMODE"] = "require";
    options.environment["PGSSLCERT"] = "/nowhere/client.pem";
    options.environment["PGSSLKEY"] = "/nowhere/client.key";
    const ProcessResult outcome = run(command_of({"sh", "-c", "env | grep ^PGSSL"}), options);
    EXPECT_EQ(outcome.out, "PGSSLMODE=disable\n") << outcome.err;
}

TEST_F(Run, AnAgentThatStaysKeepsNothingOfWhoStartedIt) {
    const Laptop alice = logged_in();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    const auto lock = (alice.config() / "lock").string();
    std::filesystem::create_directories(alice.config());
    const ProcessResult held = run({"bash", "-c",
                                    fmt::format("exec 9>{}; flock 9; {} connect orders-db:{} --background",
                                                lock, program("postern").string(), free_port())},
                                   alice.options());
    ASSERT_EQ(held.exit_code, 0) << held.err;
    EXPECT_EQ(run({"flock", "-n", lock, "true"}).exit_code, 0) << "the agent holds the lock";
    EXPECT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
}

}  // namespace
}  // namespace postern::test
