// What an agent, a gateway or a CA wrote reaches no terminal as anything but signs in a line.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/at_terminal.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// A laptop whose agent is a hostile one.
class HostileAgent : public testing::Test {
protected:
    HostileAgent() {
        fs::create_directories(folder_.path() / "run" / "postern");
        for (const char* name : {"run", "run/postern"}) {
            fs::permissions(folder_.path() / name, fs::perms::owner_all);
        }
        options_.environment = {{"XDG_STATE_HOME", folder_.path() / "state"},
                                {"XDG_CONFIG_HOME", folder_.path() / "config"},
                                {"XDG_RUNTIME_DIR", folder_.path() / "run"},
                                {"HOME", folder_.path()},
                                {"USER", "alice"}};
        agent_ = std::make_unique<Process>(
            std::vector<std::string>{"/usr/bin/python3", POSTERN_TEST_SUPPORT "/hostile_agent.py",
                                     folder_.path() / "run" / "postern" / "agent.sock"});
        agent_->wait_for_out("ready");
    }

    Outcome postern(std::vector<std::string> arguments, const std::string& input = {}) {
        arguments.insert(arguments.begin(), program("postern"));
        ProcessOptions options = options_;
        options.input = input;
        return run(std::move(arguments), options);
    }

    static void expect_harmless(const std::string& text, const std::string& what) {
        for (const char* evil : {"\x1b", "\x07", "\u009b", "\u202e", "\u2066", "\nhint: run rm"}) {
            EXPECT_THAT(text, Not(HasSubstr(evil))) << what;
        }
    }

    TemporaryFolder folder_;
    ProcessOptions options_;
    std::unique_ptr<Process> agent_;
};

TEST_F(HostileAgent, DoesNothingToTheTerminalOfACommand) {
    const std::string pin = "sha256:" + std::string(64, 'a');
    const std::vector<std::vector<std::string>> commands{
        {"services"},
        {"connect", "another-db"},
        {"connect", "--background", "orders-db"},
        {"psql", "another-db"},
        {"disconnect", "orders-db"},
        {"doctor", "another-db"},
        {"wait", "orders-db", "--timeout", "0s"},
        {"login", "--ca", "https://ca.example.org", "--fingerprint", pin, "--user", "alice",
         "--password-stdin"}};
    int shown = 0;
    for (const auto& command : commands) {
        const Outcome outcome = postern(command, "secret\n");
        expect_harmless(outcome.out + outcome.err, command.front());
        shown += (outcome.out + outcome.err).find("\\u202e") != std::string::npos ? 1 : 0;
    }
    EXPECT_GE(shown, 5) << "they have said something of it";
}

TEST_F(HostileAgent, DoesNothingToTheTerminalOfAPortInTheForeground) {
    std::vector<std::string> command{program("postern"), "connect", "orders-db"};
    Process connect(command, options_);
    connect.wait_for_err("could not be renewed");
    connect.stop();
    expect_harmless(connect.out() + connect.err(), "connect");
    EXPECT_THAT(connect.out(), HasSubstr("\\u202e")) << "the lines to paste";
    EXPECT_THAT(connect.err(),
                HasSubstr("refused orders-db: evil\\x1b[2J\\x07\\u009b31m\\u202egnp\\nhint: run rm"));
}

TEST_F(HostileAgent, IsSaidInAsciiWhereAProgramReadsIt) {
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"services", "--json"}, {"status", "--json"}, {"disconnect", "orders-db", "--json"}}) {
        const Outcome outcome = postern(command);
        EXPECT_TRUE(std::all_of(outcome.out.begin(), outcome.out.end(), [](unsigned char c) {
            return (c >= 0x20 && c < 0x7f) || c == '\n';
        })) << command.front();
        const auto told = nlohmann::json::parse(outcome.out, nullptr, false);
        ASSERT_FALSE(told.is_discarded()) << outcome.out << outcome.err;
        EXPECT_THAT(told.dump(), HasSubstr("\u202e")) << "as it was: " << command.front();
    }
}

TEST_F(HostileAgent, DoesNothingToTheTerminalOnWhichItAsks) {
    const Outcome asked = at_terminal({{"evil", "alice\n"}, {"Password of alice", "secret\n"}},
                                      {program("postern"), "login"}, options_);
    for (const char* evil : {"\x1b[2J", "\x07", "\u009b", "\u202e"}) {
        EXPECT_THAT(asked.out, Not(HasSubstr(evil)));
    }
    EXPECT_THAT(asked.out, HasSubstr("evil\\x1b[2J"));
}

}  // namespace
}  // namespace postern::test
