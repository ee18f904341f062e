// A newcomer at a terminal: what is asked, what is shown, and how it ends.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "client-proxy/commands/status_line.hpp"
#include "support/at_terminal.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class FirstUse : public SharedStack {
protected:
    static ProcessResult psql_of(const Laptop& laptop, const Steps& steps) {
        ProcessOptions options = laptop.options();
        options.environment["PGPASSWORD"] = "alice-password";
        return at_terminal(steps,
                           {program("postern"), "psql", "orders-db", "--", "-X", "-d", "orders", "-Atc",
                            "select 'let' || ' in'"},
                           options);
    }
};

TEST_F(FirstUse, PsqlAsTheFirstCommandEverAsksForWhatItNeedsAndRuns) {
    const Laptop alice = laptop();
    const ProcessResult outcome = psql_of(alice, {{"Address of the CA service", stack_->ca_url() + "\n"},
                                                  {"Is it the same?", "yes\n"},
                                                  {"[alice]", "\n"},
                                                  {"Password of alice", Stack::password_of("alice") + "\n"}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(stack_->fingerprint()));
    EXPECT_THAT(outcome.out, HasSubstr("let in"));
    EXPECT_THAT(outcome.out, Not(HasSubstr(Stack::password_of("alice")))) << "the password was echoed";
    // From now on nothing is asked.
    EXPECT_THAT(psql_of(alice, {}).out, HasSubstr("let in"));
}

TEST_F(FirstUse, AFingerprintThatDiffersEndsItBeforeAnythingIsSent) {
    const std::string other = "sha256:" + std::string(64, 'a');
    for (const auto& answer : {other, std::string("no"), std::string()}) {
        const Laptop alice = laptop();
        const ProcessResult outcome = psql_of(alice, {{"Address of the CA service", stack_->ca_url() + "\n"},
                                                      {"Is it the same?", answer + "\n"}});
        EXPECT_EQ(outcome.exit_code, 4) << outcome.out;
        EXPECT_THAT(outcome.out, HasSubstr("fingerprint"));
        EXPECT_THAT(outcome.out, Not(HasSubstr("Password")));
        EXPECT_FALSE(std::filesystem::exists(alice.state() / "profile.json"));
    }
    const Laptop alice = laptop();
    const ProcessResult pasted = psql_of(alice, {{"Address of the CA service", stack_->ca_url() + "\n"},
                                                 {"Is it the same?", stack_->fingerprint() + "\n"},
                                                 {"[alice]", "\n"},
                                                 {"Password of alice", Stack::password_of("alice") + "\n"}});
    EXPECT_EQ(pasted.exit_code, 0) << pasted.out;
}

TEST_F(FirstUse, NothingIsAskedWithoutATerminalOrWhenToldSo) {
    const Laptop alice = laptop();
    const ProcessResult without = alice.postern({"psql", "orders-db"});
    EXPECT_EQ(without.exit_code, 4) << without.err;
    const ProcessResult told = at_terminal(
        {}, {program("postern"), "login", "--non-interactive", "--ca", stack_->ca_url()}, alice.options());
    EXPECT_EQ(told.exit_code, 2) << told.out;
    EXPECT_THAT(told.out, HasSubstr("--fingerprint"));
}

TEST_F(FirstUse, AMistypedPasswordIsAskedForAgainAndTheNameIsKept) {
    const auto login = [](const Steps& steps) {
        const Laptop alice = laptop();
        return at_terminal(steps, {program("postern"), "login", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint()},
                           alice.options());
    };
    const std::string right = Stack::password_of("alice") + "\n";
    const ProcessResult second = login({{"[alice]", "\n"},
                                        {"Password of alice", "wrong\n"},
                                        {"Again, please (2 of 3)", ""},
                                        {"Password of alice", right}});
    EXPECT_EQ(second.exit_code, 0) << second.out;
    EXPECT_THAT(second.out, HasSubstr("for Postern, not the database's"));
    EXPECT_THAT(second.out, HasSubstr("Logged in as alice"));
    const ProcessResult never = login({{"[alice]", "\n"},
                                       {"Password of alice", "wrong\n"},
                                       {"(2 of 3)", ""},
                                       {"Password of alice", "wrong\n"},
                                       {"(3 of 3)", ""},
                                       {"Password of alice", "wrong\n"}});
    EXPECT_EQ(never.exit_code, 4) << never.out;
    // An empty one is not sent.
    const auto refused = [] {
        const std::string records = content_of(stack_->ca_folder() / "audit.jsonl");
        std::size_t count = 0;
        for (auto at = records.find("login.failed"); at != records.npos; at = records.find("login.failed", at + 1)) {
            ++count;
        }
        return count;
    };
    const auto before = refused();
    EXPECT_EQ(before, 4U);
    const ProcessResult empty =
        login({{"[alice]", "\n"}, {"Password of alice", "\n"}, {"Password of alice", right}});
    EXPECT_EQ(empty.exit_code, 0) << empty.out;
    EXPECT_EQ(refused(), before);
}

TEST_F(FirstUse, WhatStandsBehindTheServiceIsPsqls) {
    const Laptop alice = logged_in();
    ProcessOptions options;
    options.environment["PGPASSWORD"] = "alice-password";
    const std::vector<std::vector<std::string>> ways{
        {"psql", "orders-db", "-X", "-d", "orders", "-Atc", "select 'let in'"},
        {"psql", "orders-db", "-X", "orders", "-At", "-c", "select 'let in'"},
        {"psql", "--non-interactive", "orders-db", "--user", "alice", "-Xd", "orders", "-Atc", "select 'let in'"},
        {"psql", "orders-db", "--", "-X", "-d", "orders", "-Atc", "select 'let in'"},
        {"run", "orders-db", "psql", "-X", "-d", "orders", "-Atc", "select 'let in'"}};
    for (const auto& way : ways) {
        const ProcessResult outcome = alice.postern(way, options);
        EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
    }
    // An option with a value does not take the service as a second one.
    const ProcessResult gateway = alice.postern(
        {"psql", "--cert", alice.certificate(), "--key", alice.key(), "--gateway",
         "gw1=" + stack_->gateway_address(), "orders-db", "-X", "-d", "orders", "-Atc", "select 'let in'"},
        options);
    EXPECT_EQ(gateway.out, "let in\n") << gateway.err;
    const ProcessResult none = alice.postern({"psql", "orders-db", "-X", "-c", "select 1"}, options);
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_THAT(none.err, HasSubstr("database \"alice\" does not exist"));
    EXPECT_THAT(none.err, HasSubstr("hint: without -d"));
    EXPECT_THAT(none.err, HasSubstr("postern psql orders-db -d DATABASE"));
    const ProcessResult named =
        alice.postern({"psql", "orders-db", "-X", "-d", "none", "-c", "select 1"}, options);
    EXPECT_THAT(named.err, Not(HasSubstr("hint: without -d")));
}

TEST_F(FirstUse, FailuresAreJsonWhereEverythingIs) {
    const Laptop alice = laptop();
    const auto told = [&](std::vector<std::string> words) {
        const ProcessResult outcome = alice.postern(std::move(words));
        EXPECT_NE(outcome.exit_code, 0);
        EXPECT_THAT(outcome.err, testing::StartsWith("postern: error: "));
        const auto line = outcome.out.substr(outcome.out.rfind('\n', outcome.out.size() - 2) + 1);
        const auto event = parse_json(line);
        EXPECT_TRUE(event.is_object()) << outcome.out;
        return event.is_object() ? event : nlohmann::json::object();
    };
    const auto nobody = told({"connect", "--json", "--non-interactive", "orders-db"});
    EXPECT_EQ(nobody.value("event", ""), "error");
    EXPECT_EQ(nobody.value("code", ""), "unauthenticated");
    EXPECT_THAT(nobody.value("hint", ""), HasSubstr("postern login"));
    EXPECT_EQ(told({"connect", "--json"}).value("code", ""), "usage");
    EXPECT_EQ(told({"connect", "--json", "--no-such-option"}).value("code", ""), "usage");
    EXPECT_EQ(told({"disconnect", "no-such-db", "--json", "extra"}).value("event", ""), "error");
    EXPECT_EQ(alice.postern({"connect", "--non-interactive", "orders-db"}).out, "");
}

TEST_F(FirstUse, HelpIsACommandToo) {
    const Laptop alice = laptop();
    EXPECT_EQ(alice.postern({"help"}).out, alice.postern({"--help"}).out);
    EXPECT_EQ(alice.postern({"help", "connect"}).out, alice.postern({"connect", "--help"}).out);
    EXPECT_THAT(alice.postern({"help", "connect"}).out, HasSubstr("--background"));
}

TEST_F(FirstUse, CtrlCAtThePasswordEndsIt) {
    const Laptop alice = laptop();
    const ProcessResult outcome = at_terminal({{"Password of alice", "\x03"}},
                                              {program("postern"), "login", "--ca", stack_->ca_url(),
                                               "--fingerprint", stack_->fingerprint(), "--user", "alice"},
                                              alice.options());
    EXPECT_EQ(outcome.exit_code, 128 + SIGINT) << outcome.out;
}

TEST_F(FirstUse, TheDatabaseIsTheOneThatTheGatewayNames) {
    std::ifstream in(stack_->gateway_config());
    std::string config((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string name = "name = \"orders-db\"\n";
    config.insert(config.find(name) + name.size(), "database = \"orders\"\ndescription = \"Orders\"\n");
    std::ofstream(stack_->gateway_config(), std::ios::trunc) << config;
    stack_->gateway().signal(SIGHUP);
    stack_->gateway().wait_for_err("event=config.reloaded");
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    ProcessOptions options;
    options.environment["PGPASSWORD"] = "alice-password";
    const std::vector<std::string> psql{"psql", "orders-db", "--", "-X", "-Atc", "select current_database()"};
    EXPECT_EQ(alice.postern(psql, options).out, "orders\n");
    options.environment["PGDATABASE"] = "postgres";
    EXPECT_EQ(alice.postern(psql, options).out, "postgres\n");
    const auto services = parse_json(alice.postern({"services", "--json"}).out);
    EXPECT_EQ(services[0]["description"], "Orders");
}

TEST_F(FirstUse, ConnectShowsWhatToPasteAndALineThatFitsTheTerminal) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const int port = free_port();
    for (const int columns : {100, 44}) {
        const ProcessResult outcome = at_terminal(
            {{"certificate", "\x03"}},
            {program("postern"), "connect", fmt::format("orders-db:{}", port), "--database", "orders"},
            alice.options(), columns);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
        EXPECT_THAT(outcome.out, HasSubstr(fmt::format("psql -h localhost -p {} -U alice -d orders", port)));
        EXPECT_THAT(outcome.out,
                    HasSubstr(fmt::format("jdbc:postgresql://localhost:{}/orders?user=alice", port)));
        EXPECT_THAT(outcome.out, HasSubstr(fmt::format("postgresql://alice@localhost:{}/orders", port)));
        const auto line = outcome.out.substr(outcome.out.rfind("●"));
        EXPECT_THAT(line, HasSubstr("orders-db"));
        EXPECT_LE(client::columns_of(line.substr(0, line.find("certificate"))),
                  static_cast<unsigned>(columns));
        EXPECT_EQ(line.find("↓") != line.npos, columns == 100);
    }
    ProcessOptions plain = alice.options();
    plain.environment["NO_COLOR"] = "1";
    plain.environment["LC_ALL"] = "C";
    const ProcessResult outcome = at_terminal(
        {{"certificate", "\x03"}}, {program("postern"), "connect", fmt::format("orders-db:{}", port)}, plain);
    EXPECT_THAT(outcome.out, HasSubstr("* orders-db connected | 0 open"));
    EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b[3")));
    // The database is remembered.
    EXPECT_THAT(outcome.out, HasSubstr("-U alice -d orders"));
    // No terminal, no line that is drawn anew.
    Process piped({program("postern"), "connect", fmt::format("orders-db:{}", port)}, alice.options());
    piped.wait_for_out("jdbc:");
    EXPECT_EQ(piped.stop(), 0);
    EXPECT_THAT(piped.out() + piped.err(), Not(HasSubstr("\x1b")));
    EXPECT_THAT(piped.out(), Not(HasSubstr("open")));
}

TEST_F(FirstUse, CtrlCEndsAConnectThatStillWaitsForItsGateway) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const std::string wanted = fmt::format("orders-db:{}", free_port());
    ASSERT_EQ(alice.postern({"connect", wanted, "--background"}).exit_code, 0);
    ASSERT_EQ(alice.postern({"disconnect", "orders-db"}).exit_code, 0);
    const Pause pause(stack_->gateway().pid());
    // With certificate files the gateway is asked each time.
    Process connect(
        {program("postern"), "connect", wanted, "--cert", alice.certificate(), "--key", alice.key()},
        alice.options());
    EXPECT_TRUE(eventually([&] {
        const auto services = parse_json(alice.postern({"status", "--json"}).out)["services"];
        return !services.empty() && services[0]["state"] == "connecting";
    }));
    connect.signal(SIGINT);
    EXPECT_EQ(connect.wait(1s), 130) << connect.err();
    // And leaves no port behind, whatever the gateway says later.
    EXPECT_TRUE(eventually([&] {
        const auto services = parse_json(alice.postern({"status", "--json"}).out)["services"];
        return services[0]["state"] != "connecting";
    }));
    const auto services = parse_json(alice.postern({"status", "--json"}).out)["services"];
    EXPECT_TRUE(services[0]["ports"].empty()) << services.dump(2);
}

TEST_F(FirstUse, AWrongWordIsAnsweredWithTheRightOne) {
    const Laptop alice = laptop();
    const auto told = [&](std::vector<std::string> arguments) {
        const ProcessResult outcome = alice.postern(std::move(arguments));
        EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
        EXPECT_THAT(outcome.err, testing::StartsWith("postern: error: "));
        EXPECT_THAT(outcome.err, HasSubstr("\nhint: "));
        return outcome.err;
    };
    EXPECT_THAT(told({"conect", "orders-db"}), HasSubstr("did you mean 'connect'?"));
    EXPECT_THAT(told({"connect", "--bakground", "orders-db"}), HasSubstr("did you mean '--background'?"));
    EXPECT_THAT(told({"psql"}), HasSubstr("service is required"));
    EXPECT_THAT(told({"connect", "orders-db", "5433"}), HasSubstr("If it is the local port of orders-db: orders-db:5433"));
    EXPECT_THAT(told({}), HasSubstr("postern --help"));
    std::filesystem::create_directories(alice.config());
    std::ofstream(alice.config() / "config.toml")
        << "[netwrok]\nproxy = \"x\"\n\n[agent]\nalow_programs = []\n";
    const auto began = std::chrono::steady_clock::now();
    for (const char* command : {"doctor", "connect"}) {
        const ProcessResult outcome = alice.postern({command, "orders-db"});
        const std::string text = outcome.out + outcome.err;
        EXPECT_EQ(outcome.exit_code, 3) << text;
        EXPECT_THAT(text, HasSubstr("config.toml:1: unknown key 'netwrok'; did you mean 'network'?"));
        EXPECT_THAT(text, HasSubstr("config.toml:5: unknown key 'alow_programs' in [agent]; did you mean "
                                    "'allow_programs'?"));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "nobody waits for an agent that cannot start";
}

}  // namespace
}  // namespace postern::test
