// What an agent, a gateway or a CA wrote reaches no terminal as anything but signs in a line.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/at_terminal.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

void expect_harmless(const std::string& text, const std::string& what) {
    for (const char* evil : {"\x1b", "\x07", "\u009b", "\u202e", "\u2066", "\nhint: run rm"}) {
        EXPECT_THAT(text, Not(HasSubstr(evil))) << what;
    }
}

/// Also where it was to be JSON; and that this is some.
void expect_harmless_json(const ProcessResult& outcome, const std::string& what) {
    EXPECT_TRUE(std::all_of(outcome.out.begin(), outcome.out.end(), [](unsigned char c) {
        return (c >= 0x20 && c < 0x7f) || c == '\n';
    })) << what;
    std::istringstream lines(outcome.out);
    nlohmann::json told;
    ASSERT_TRUE(outcome.out.find_first_not_of('\n') != std::string::npos) << what << outcome.err;
    while (lines >> std::ws && !lines.eof()) {
        ASSERT_NO_THROW(lines >> told) << what << outcome.out;
    }
    expect_harmless(outcome.err, what);
}

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
            std::vector<std::string>{"/usr/bin/python3", POSTERN_SOURCE "/tests/support/hostile_agent.py",
                                     folder_.path() / "run" / "postern" / "agent.sock"});
        agent_->wait_for_out("ready");
    }

    /// What an agent keeps in a file of what gateways and programs have said.
    void keep_events() {
        const fs::path profile = folder_.path() / "state" / "postern";
        fs::create_directories(profile);
        fs::permissions(profile, fs::perms::owner_all);
        const std::string evil = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066";
        nlohmann::json event{{"time", "2026-01-01T00:00:00Z"}, {"kind", "refused"}};
        for (const char* key :
             {"service", "program", "gateway", "message", "hint", "connection_id", "reason"}) {
            event[key] = evil;
        }
        std::ofstream(profile / "events.jsonl") << json_text(event) << "\n";
        fs::permissions(profile / "events.jsonl", fs::perms::owner_read | fs::perms::owner_write);
    }

    ProcessResult postern(std::vector<std::string> arguments, const std::string& input = {}) {
        arguments.insert(arguments.begin(), program("postern"));
        ProcessOptions options = options_;
        options.input = input;
        return run(std::move(arguments), options);
    }

    TemporaryFolder folder_;
    ProcessOptions options_;
    std::unique_ptr<Process> agent_;
};

TEST_F(HostileAgent, DoesNothingToTheTerminalOfACommand) {
    keep_events();
    const std::string pin = "sha256:" + std::string(64, 'a');
    const std::vector<std::vector<std::string>> commands{
        {"services"},
        {"connect", "another-db"},
        {"connect", "--background", "orders-db"},
        {"psql", "another-db"},
        {"disconnect", "orders-db"},
        {"doctor", "another-db"},
        {"wait", "orders-db", "--timeout", "0s"},
        {"events"},
        {"login", "--ca", "https://ca.example.org", "--fingerprint", pin, "--user", "alice",
         "--password-stdin"}};
    int shown = 0;
    for (const auto& command : commands) {
        const ProcessResult outcome = postern(command, "secret\n");
        expect_harmless(outcome.out + outcome.err, command.front());
        shown += (outcome.out + outcome.err).find("\\u202e") != std::string::npos ? 1 : 0;
    }
    EXPECT_GE(shown, 6) << "they have said something of it";
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
    keep_events();
    for (const auto& command : std::vector<std::vector<std::string>>{{"services", "--json"},
                                                                     {"status", "--json"},
                                                                     {"disconnect", "orders-db", "--json"},
                                                                     {"events", "--json"}}) {
        const ProcessResult outcome = postern(command);
        expect_harmless_json(outcome, command.front());
        const auto told = parse_json(outcome.out);
        ASSERT_FALSE(told.is_discarded()) << outcome.out << outcome.err;
        EXPECT_THAT(json_text(told), HasSubstr("\u202e")) << "as it was: " << command.front();
    }
}

TEST_F(HostileAgent, DoesNothingToTheTerminalOnWhichItAsks) {
    const ProcessResult asked = at_terminal({{"evil", "alice\n"}, {"Password of alice", "secret\n"}},
                                            {program("postern"), "login"}, options_);
    for (const char* evil : {"\x1b[2J", "\x07", "\u009b", "\u202e"}) {
        EXPECT_THAT(asked.out, Not(HasSubstr(evil)));
    }
    EXPECT_THAT(asked.out, HasSubstr("evil\\x1b[2J"));
}

// A service that was broken into writes what it likes into what root's commands read.
class HostileStore : public testing::Test {
protected:
    HostileStore() {
        run_ca({"init", "--name", "ca.example.org", "--listen", "127.0.0.1:7444"});
        const ProcessResult written =
            run({"/usr/bin/python3", POSTERN_SOURCE "/tests/support/hostile_store.py", ca() / "state.db"});
        EXPECT_EQ(written.exit_code, 0) << written.err;
    }

    fs::path ca() const { return folder_.path() / "ca"; }
    ProcessResult run_ca(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {program("postern-ca"), "--dir", ca()});
        return run(std::move(arguments));
    }

    TemporaryFolder folder_;
    const std::string evil_ = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066";
};

TEST_F(HostileStore, DoesNothingToTheTerminalOfAnAdministrator) {
    int shown = 0;
    const std::vector<std::vector<std::string>> commands{
        {"user", "list"},
        {"group", "list"},
        {"cert", "list"},
        {"cert", "list", "--servers"},
        {"token", "list"},
        {"check-config"},
        {"group", "add", evil_, "analysts"},
        {"user", "enable", evil_},
        {"cert", "revoke", "--session", evil_},
        {"token", "create", "--gateway", "gw", "--dns", "localhost"},
        {"token", "withdraw", "0123456789ab"},
        {"user", "disable", evil_}};
    for (const auto& command : commands) {
        const ProcessResult outcome = run_ca(command);
        expect_harmless(outcome.out + outcome.err, command[0] + " " + command.back());
        shown += (outcome.out + outcome.err).find("\\u202e") != std::string::npos ? 1 : 0;
    }
    EXPECT_GE(shown, 9) << "they have said something of it";
}

TEST_F(HostileStore, IsSaidInAsciiWhereAProgramReadsIt) {
    for (const auto& command : std::vector<std::vector<std::string>>{{"user", "list"},
                                                                     {"group", "list"},
                                                                     {"cert", "list"},
                                                                     {"cert", "list", "--servers"},
                                                                     {"token", "list"},
                                                                     {"check-config"},
                                                                     {"user", "enable", evil_},
                                                                     {"cert", "revoke", "--session", evil_},
                                                                     {"token", "withdraw", "0123456789ab"}}) {
        auto as_json = command;
        as_json.emplace_back("--json");
        const ProcessResult outcome = run_ca(as_json);
        EXPECT_EQ(outcome.exit_code, 0) << command[0] << outcome.err;
        expect_harmless_json(outcome, command[0] + " " + command.back());
    }
}

TEST(HostileLog, DoesNothingToTheTerminalOfWhoReadsIt) {
    const TemporaryFolder folder;
    const std::string evil = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066";
    // The folder is that of whom the log accuses.
    const fs::path log = folder.path() / (evil + ".jsonl");
    nlohmann::json record{{"@timestamp", evil},
                          {"message", evil},
                          {"event", {{"action", evil}, {"outcome", evil}, {"reason", evil}}},
                          {"user", {{"name", evil}, {"group", {{"name", {evil}}}}}},
                          {"service", {{"name", evil}}},
                          {"source", {{"ip", evil}}},
                          {"postern", {{"sequence", 1}, {"session", {{"id", evil}}}}}};
    std::ofstream(log) << json_text(record) << "\n"
                       << "no record \x1b[2J\u202e\n";
    for (const auto& command : std::vector<std::vector<std::string>>{{"query", log},
                                                                     {"query", log, "--json"},
                                                                     {"tail", log},
                                                                     {"tail", log, "--json"},
                                                                     {"verify", log, "--json"},
                                                                     {"verify", "--dir", folder.path()},
                                                                     {"verify", "--no-head", log},
                                                                     {"query", log.string() + "x"}}) {
        auto whole = command;
        whole.insert(whole.begin(), program("postern-audit"));
        const ProcessResult outcome = run(whole);
        // tail shows the records of a log that is being written, and this is none.
        EXPECT_TRUE(command[0] == "tail" || !(outcome.out + outcome.err).empty()) << command[0];
        expect_harmless(outcome.out + outcome.err, command[0]);
    }
}

/// A gateway that was broken into, as root asks it.
class HostileGateway : public testing::Test {
protected:
    HostileGateway() {
        const fs::path socket = folder_.path() / "admin.sock";
        std::ofstream(config_) << "[gateway]\nname = \"gw1\"\nlisten = [\"127.0.0.1:7443\"]\nadmin_socket = \""
                               << socket.string()
                               << "\"\n[tls]\ncertificate = \"x.pem\"\nkey = \"x.key\"\nuser_ca = \"u.pem\"\n"
                                  "[ca]\nurl = \"https://localhost:1\"\ntrust_domain = \"example.org\"\n"
                                  "server_ca = \"s.pem\"\n[audit]\nfile = \"a.jsonl\"\nkey = \"a.key\"\n";
        gateway_ = std::make_unique<Process>(
            std::vector<std::string>{"/usr/bin/python3", POSTERN_SOURCE "/tests/support/hostile_gateway.py", socket});
        gateway_->wait_for_out("ready");
    }

    ProcessResult postern_gateway(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {program("postern-gateway"), "--config", config_});
        return run(std::move(arguments));
    }

    TemporaryFolder folder_;
    const fs::path config_ = folder_.path() / "gateway.toml";
    std::unique_ptr<Process> gateway_;
};

TEST_F(HostileGateway, DoesNothingToTheTerminalOfAnAdministrator) {
    const std::vector<std::vector<std::string>> commands{{"sessions"},
                                                         {"kill", "0badcafe"},
                                                         {"kill", "--user", "alice"},
                                                         // Each of what follows is answered otherwise.
                                                         {"kill", "--service", "refused"},
                                                         {"kill", "--service", "numbers"}};
    for (const auto& command : commands) {
        const ProcessResult outcome = postern_gateway(command);
        EXPECT_LE(outcome.exit_code, 5) << command.back() << outcome.err;
        EXPECT_FALSE((outcome.out + outcome.err).empty()) << command.back();
        expect_harmless(outcome.out + outcome.err, command.back());
        auto as_json = command;
        as_json.emplace_back("--json");
        const ProcessResult told = postern_gateway(as_json);
        EXPECT_LE(told.exit_code, 5) << command.back() << told.err;
        if (told.exit_code == 0) {
            expect_harmless_json(told, command.back());
        }
    }
    EXPECT_THAT(postern_gateway({"sessions"}).out, HasSubstr("\\u202e"));
    const std::string pasted = postern_gateway({"kill", "0badcafe"}).out;
    EXPECT_THAT(pasted, HasSubstr("disable 'alice; reboot")) << "one word of a shell";
}

}  // namespace
}  // namespace postern::test
