// Machines that nobody sits at: a password from a file, a login that is made anew when its session ends, no
// home, a disk that cannot be written, a container whose first process it is.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/at_terminal.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

class Headless : public testing::Test {
protected:
    static void SetUpTestSuite() {
        StackOptions options;
        options.ca = "session_lifetime = \"10m\"\ncertificate_lifetime = \"6s\"\n";
        stack_ = std::make_unique<Stack>(options);
    }
    static void TearDownTestSuite() { stack_.reset(); }

    /// Login sessions that begin from here on.
    static void sessions_last(const std::string& lifetime) {
        const fs::path file = stack_->ca_folder() / "ca.toml";
        std::string text = content_of(file);
        const auto at = text.find("session_lifetime = ");
        text.replace(at, text.find('\n', at) - at, fmt::format("session_lifetime = \"{}\"", lifetime));
        std::ofstream(file) << text;
        const auto reloads = [] {
            const std::string log = stack_->ca().err();
            const std::string word = "event=config.reloaded";
            std::size_t count = 0;
            for (auto found = log.find(word); found != log.npos; found = log.find(word, found + 1)) {
                ++count;
            }
            return count;
        };
        const auto before = reloads();
        stack_->ca().signal(SIGHUP);
        ASSERT_TRUE(eventually([&] { return reloads() > before; }));
    }
    /// A login of carol's whose session is over in a moment; the next one is long.
    static Laptop with_a_short_session(const std::string& name) {
        Laptop carol(*stack_, "carol", name);
        sessions_last("5s");
        EXPECT_EQ(carol.login().exit_code, 0);
        sessions_last("10m");
        return carol;
    }

    static fs::path password_file(const std::string& password, const std::string& name = "postern-password") {
        const fs::path folder = stack_->folder() / ("credentials-" + name);
        fs::create_directories(folder);
        std::ofstream(folder / name) << password << "\n";
        fs::permissions(folder / name, fs::perms::owner_read | fs::perms::owner_write);
        return folder / name;
    }
    static std::size_t logins(const std::string& user) {
        const ProcessResult outcome =
            run({program("postern-audit"), "query", stack_->ca_folder() / "audit.jsonl", "--action",
                 "login.succeeded", "--user", user, "--json"});
        return static_cast<std::size_t>(std::count(outcome.out.begin(), outcome.out.end(), '\n'));
    }
    /// Of a laptop without anything: what a service manager or a container gives.
    static ProcessOptions bare() {
        ProcessOptions options;
        for (const char* variable :
             {"HOME", "USER", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PGPASSWORD"}) {
            options.environment[variable] = "";
        }
        return options;
    }
    static std::vector<std::string> connect_command(int port, const std::string& user) {
        return {program("postern"),
                "connect",
                fmt::format("orders-db:{}", port),
                "--json",
                "--ca",
                stack_->ca_url(),
                "--fingerprint",
                stack_->fingerprint(),
                "--user",
                user,
                "--non-interactive",
                "--wait"};
    }

    static std::unique_ptr<Stack> stack_;
};

std::unique_ptr<Stack> Headless::stack_;

TEST_F(Headless, LogsInAnewWhenTheSessionEndsAndClientsWaitForIt) {
    sessions_last("14s");
    const Laptop alice(*stack_, "alice");
    ProcessOptions options = alice.options();
    options.environment["CREDENTIALS_DIRECTORY"] = password_file(Stack::password_of("alice")).parent_path();
    const int port = free_port();
    Process connect(connect_command(port, "alice"), options);
    connect.wait_for_out("listening");
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    const std::size_t before = logins("alice");
    // Whoever comes, comes through: before, while and after the login is made anew.
    const auto end = std::chrono::steady_clock::now() + 40s;
    while (logins("alice") < before + 2 && std::chrono::steady_clock::now() < end) {
        const ProcessResult outcome = psql(port, "select 'let in'");
        EXPECT_EQ(outcome.out, "let in\n") << outcome.err << connect.out();
    }
    EXPECT_GE(logins("alice"), before + 2) << connect.out();
    EXPECT_EQ(connect.stop(), 0);
    sessions_last("10m");
}

TEST_F(Headless, APersonAtATerminalIsAskedOnceAndConnectionsWaitForTheAnswer) {
    const Laptop carol = with_a_short_session("2");
    const std::size_t before = logins("carol");
    const int port = free_port();
    ProcessResult shown;
    std::thread person([&] {
        shown =
            at_terminal({{"Password of carol", Stack::password_of("carol") + "\n"}},
                        {program("postern"), "connect", fmt::format("orders-db:{}", port)}, carol.options());
    });
    EXPECT_TRUE(eventually([&] { return psql(port, "select 'let in'", "carol").out == "let in\n"; }, 40s));
    const auto end = std::chrono::steady_clock::now() + 40s;
    while (logins("carol") == before && std::chrono::steady_clock::now() < end) {
        const ProcessResult outcome = psql(port, "select 'let in'", "carol");
        EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
    }
    EXPECT_EQ(psql(port, "select 'let in'", "carol").out, "let in\n");
    EXPECT_EQ(carol.postern({"agent", "--stop"}).exit_code, 0);
    person.join();
    std::ifstream log(carol.agent_socket().parent_path() / "agent.log");
    EXPECT_EQ(shown.exit_code, 0) << shown.out << log.rdbuf();
    EXPECT_EQ(shown.out.find("Password of carol"), shown.out.rfind("Password of carol")) << shown.out;
    EXPECT_EQ(logins("carol"), before + 1);
}

TEST_F(Headless, CtrlCEndsTheQuestionForTheNextLoginAndNothingIsTried) {
    const Laptop carol = with_a_short_session("leaving");
    const auto failures = [] {
        return run({program("postern-audit"), "query", stack_->ca_folder() / "audit.jsonl", "--action",
                    "login.failed", "--user", "carol", "--json"})
            .out;
    };
    const auto before = failures();
    const ProcessResult shown = at_terminal(
        {{"Password of carol", "hal\x03"}},
        {program("postern"), "connect", fmt::format("orders-db:{}", free_port())}, carol.options());
    EXPECT_EQ(shown.exit_code, 0) << shown.out;
    EXPECT_EQ(failures(), before);
}

TEST_F(Headless, AJobInTheBackgroundHoldsNobodyUpForAQuestionThatItCannotAsk) {
    const Laptop carol = with_a_short_session("elsewhere");
    const int port = free_port();
    const auto log = stack_->folder() / "background.log";
    const std::string script = fmt::format(
        "set -m; {} connect orders-db:{} 2>{} >/dev/null & until grep -q 'bring this command' {}; do sleep "
        "0.1; "
        "done; timeout 20 psql -X -h localhost -p {} -U carol -d orders -c 'select 1'; echo \"psql: $?\"; "
        "kill %1; "
        "wait",
        program("postern").string(), port, log.string(), log.string(), port);
    ProcessOptions options = carol.options();
    options.environment["PGPASSWORD"] = "carol-password";
    const ProcessResult outcome = at_terminal({}, {"bash", "-c", script}, options);
    EXPECT_THAT(outcome.out, HasSubstr("FATAL"));
    EXPECT_THAT(outcome.out, HasSubstr("postern login"));
    EXPECT_THAT(outcome.out, HasSubstr("psql: 2"));
}

TEST_F(Headless, DoesNotTryARefusedPasswordAgain) {
    sessions_last("14s");
    const Laptop bob(*stack_, "bob");
    const auto file = password_file(Stack::password_of("bob"), "bobs-password");
    const int port = free_port();
    auto command = connect_command(port, "bob");
    command.insert(command.end(), {"--password-file", file});
    Process connect(command, bob.options());
    connect.wait_for_out("listening");
    std::ofstream(file, std::ios::trunc) << "not his\n";
    connect.wait_for_out("a new one failed", 40s);
    const auto refused = [] {
        const ProcessResult outcome =
            run({program("postern-audit"), "query", stack_->ca_folder() / "audit.jsonl", "--action",
                 "login.failed", "--json"});
        return std::count(outcome.out.begin(), outcome.out.end(), '\n');
    };
    EXPECT_EQ(refused(), 1);
    // What is left of the session is his.
    EXPECT_TRUE(eventually(
        [&] { return psql(port, "select 1", "bob").err.find("FATAL") != std::string::npos; }, 40s));
    EXPECT_EQ(refused(), 1) << "whoever connects makes no new attempt";
    sessions_last("10m");
}

TEST_F(Headless, NeedsNoHomeWhereASystemServiceHasItsFolders) {
    ProcessOptions options = bare();
    const ProcessResult nowhere = run(connect_command(free_port(), "carol"), options);
    EXPECT_EQ(nowhere.exit_code, 3) << nowhere.err;
    EXPECT_THAT(nowhere.err, HasSubstr("hint: Set XDG_STATE_HOME and XDG_RUNTIME_DIR"));
    for (const char* name : {"STATE_DIRECTORY", "RUNTIME_DIRECTORY"}) {
        const fs::path folder = stack_->folder() / name;
        fs::create_directories(folder);
        options.environment[name] = folder;
    }
    options.environment["CREDENTIALS_DIRECTORY"] = password_file(Stack::password_of("carol")).parent_path();
    const int port = free_port();
    Process connect(connect_command(port, "carol"), options);
    connect.wait_for_out("listening");
    EXPECT_EQ(psql(port, "select 'let in'", "carol").out, "let in\n");
    struct stat info {};
    ASSERT_EQ(::stat((stack_->folder() / "STATE_DIRECTORY" / "postern").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    EXPECT_EQ(connect.stop(), 0);
    options.environment["CREDENTIALS_DIRECTORY"] = "";
    EXPECT_EQ(run({program("postern"), "agent", "--stop"}, options).exit_code, 0);
}

TEST_F(Headless, IsASidecarAsTheFirstProcessOfAContainerThatCannotBeWritten) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may make namespaces everywhere";
    }
    const int port = free_port();
    const auto file = password_file(Stack::password_of("alice"), "sidecars-password");
    // A read-only root, a tmpfs, processes of its own; the network is the pod's.
    std::string script =
        "mount --make-rprivate / && mkdir -p \"$1\" && mount -t tmpfs -o mode=0700 tmpfs \"$1\" && "
        "mount -o remount,bind,ro / && ! touch /written 2>/dev/null && shift && exec env -i "
        "PATH=/usr/bin:/bin "
        "XDG_STATE_HOME=$0/state XDG_RUNTIME_DIR=$0/run \"$@\"";
    const std::string place = stack_->folder() / "container";
    std::vector<std::string> command{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                                     "bash",    "-c",      script,  place,    place};
    auto connect = connect_command(port, "alice");
    connect.insert(connect.end(), {"--password-file", file});
    command.insert(command.end(), connect.begin(), connect.end());
    Process sidecar(command);
    sidecar.wait_for_out("listening");
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    // The end of the container is told to who is connected.
    ProcessOptions options;
    options.environment["PGPASSWORD"] = "alice-password";
    Process held({"psql", "-X", "-h", "localhost", "-p", std::to_string(port), "-U", "alice", "-d", "orders",
                  "-c", "select 'begun'", "-c", "select pg_sleep(60)"},
                 options);
    EXPECT_TRUE(eventually([&] {
        return stack_->postgres().sql(
                   "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and "
                   "usename = 'alice'") == "1";
    }));
    const ProcessResult children = run({"pgrep", "-P", std::to_string(sidecar.pid())});
    ASSERT_EQ(::kill(std::stoi(children.out), SIGTERM), 0);
    EXPECT_EQ(sidecar.wait(30s), 0) << sidecar.err();
    EXPECT_NE(held.wait(30s).value_or(0), 0);
    EXPECT_THAT(held.err(), HasSubstr("FATAL:  postern is shutting down"));
}

TEST_F(Headless, ACaThatIsAwayIsNoticedOnlyWhenTheCertificateIsOver) {
    const Laptop bob(*stack_, "bob", "3");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int port = free_port();
    ASSERT_EQ(bob.postern({"connect", fmt::format("orders-db:{}", port), "--background"}).exit_code, 0);
    stack_->kill_ca();
    EXPECT_EQ(psql(port, "select 'let in'", "bob").out, "let in\n");
    ProcessResult refused;
    EXPECT_TRUE(eventually(
        [&] {
            refused = psql(port, "select 1", "bob");
            return refused.exit_code != 0;
        },
        40s));
    EXPECT_THAT(refused.err, HasSubstr("FATAL:"));
    EXPECT_THAT(refused.err, HasSubstr(stack_->ca_url() + " cannot be reached"));
    EXPECT_THAT(refused.err, HasSubstr("HINT:"));
    stack_->start_ca();
    // The very next one, without a pause that failures have made longer.
    EXPECT_EQ(psql(port, "select 'let in'", "bob").out, "let in\n");
    EXPECT_THAT(bob.postern({"status"}).out, HasSubstr(stack_->ca_url() + " cannot be reached"));
    EXPECT_EQ(bob.postern({"agent", "--stop"}).exit_code, 0);
}

// The kernel spares the first process of a container what it has not asked for.
TEST_F(Headless, TheFirstProcessOfAContainerEndsWhileItWaitsForTheCa) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may make a container";
    }
    const Laptop carol(*stack_, "carol", "contained");
    stack_->kill_ca();
    ProcessOptions options = carol.options();
    options.environment["CREDENTIALS_DIRECTORY"] = password_file(Stack::password_of("carol")).parent_path();
    std::vector<std::string> command{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
    for (auto& word : connect_command(free_port(), "carol")) {
        command.push_back(word);
    }
    Process container(command, options);
    std::string child;
    EXPECT_TRUE(eventually([&] {
        std::ifstream(fmt::format("/proc/{0}/task/{0}/children", container.pid())) >> child;
        std::ifstream name(fmt::format("/proc/{}/comm", child));
        std::string comm;
        return std::getline(name, comm) && comm == "postern";
    }));
    // It has asked for its signals before it starts an agent. Then into the waiting.
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(carol.agent_socket()); }));
    EXPECT_FALSE(container.wait(1s).has_value());
    ::kill(std::stoi(child), SIGTERM);
    EXPECT_TRUE(container.wait(30s).has_value());
    stack_->start_ca();
}

TEST_F(Headless, WaitsForACaThatComesLater) {
    const Laptop carol(*stack_, "carol", "later");
    stack_->kill_ca();
    ProcessOptions options = carol.options();
    options.environment["CREDENTIALS_DIRECTORY"] = password_file(Stack::password_of("carol")).parent_path();
    const int port = free_port();
    auto impatient = connect_command(port, "carol");
    impatient.pop_back();
    const ProcessResult at_once = run(impatient, options);
    EXPECT_EQ(at_once.exit_code, 5) << at_once.err;
    EXPECT_THAT(at_once.err, HasSubstr("cannot be reached"));
    Process patient(connect_command(port, "carol"), options);
    EXPECT_FALSE(patient.wait(1s).has_value());
    // An agent that ends meanwhile is no reason to give up, nor to wait for nothing.
    EXPECT_EQ(carol.postern({"agent", "--stop"}).exit_code, 0);
    stack_->start_ca();
    patient.wait_for_out("listening");
    EXPECT_EQ(carol.postern({"wait", "orders-db", "--database", "orders", "--timeout", "20s"}).exit_code, 0);
    EXPECT_EQ(patient.stop(), 0);
}

}  // namespace
}  // namespace postern::test
