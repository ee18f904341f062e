// What the programs promise to who runs them: help, exit codes, ports that stay, and errors that lose
// nothing.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kConfigInvalid = 3;
constexpr int kDenied = 4;
constexpr int kUnreachable = 5;

/// A person reads what happened and what to do next, on standard error alone.
void expect_told(const ProcessResult& outcome, int exit_code, const std::string& words) {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("error:"));
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_THAT(outcome.err, HasSubstr("hint:"));
}

class Programs : public testing::TestWithParam<const char*> {};

TEST_P(Programs, TellTheirUsageAndTheirVersion) {
    const ProcessResult help = run({program(GetParam()), "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: "));
    EXPECT_EQ(help.err, "");
    const ProcessResult version = run({program(GetParam()), "--version"});
    EXPECT_EQ(version.exit_code, 0);
    EXPECT_THAT(version.out, testing::ContainsRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_P(Programs, RefuseWhatTheyDoNotKnow) {
    for (const char* word : {"--frobnicate", "frobnicate"}) {
        const ProcessResult outcome = run({program(GetParam()), word});
        EXPECT_EQ(outcome.exit_code, kUsage) << word;
        EXPECT_EQ(outcome.out, "") << word;
        EXPECT_NE(outcome.err, "") << word;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Programs,
                         testing::Values("postern", "postern-ca", "postern-gateway", "postern-audit"),
                         [](const auto& tested) {
                             std::string name = tested.param;
                             std::erase(name, '-');
                             return name;
                         });

TEST(Explain, TellsOfAReasonWhatToDoAndOfAWordThatIsNoneWhatWasMeant) {
    const ProcessResult known = run({program("postern"), "--explain", "policy_denied"});
    EXPECT_EQ(known.exit_code, 0) << known.err;
    EXPECT_THAT(known.out, HasSubstr("SQLSTATE       42501"));
    const ProcessResult finer = run({program("postern"), "--explain", "port_in_use"});
    EXPECT_EQ(finer.exit_code, 0) << finer.err;
    EXPECT_THAT(finer.out, HasSubstr("already_exists"));
    const ProcessResult all = run({program("postern"), "--explain", "all"});
    EXPECT_EQ(all.exit_code, 0);
    EXPECT_THAT(all.out, testing::AllOf(HasSubstr("no_certificate\n"), HasSubstr("internal\n")));
    expect_told(run({program("postern"), "--explain", "polcy_denied"}), kUsage, "did you mean 'policy_denied'?");
    EXPECT_EQ(run({program("postern"), "--explain"}).exit_code, kUsage);
}

class CommandLine : public testing::Test {
protected:
    static void SetUpTestSuite() {
        StackOptions options;
        options.with_postgres = false;
        stack_ = std::make_unique<Stack>(options);
    }
    static void TearDownTestSuite() { stack_.reset(); }

    /// Each case has a laptop of its own. Its folder's name is short: a socket's path has room for 107 bytes (unix(7)).
    static Laptop laptop() { return Laptop(*stack_, "alice", std::to_string(++laptops_)); }
    /// The same, where no file can grow beyond a KiB: a disk that is full.
    static ProcessResult on_a_full_disk(const std::vector<std::string>& command, ProcessOptions options) {
        std::vector<std::string> all{"bash", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash"};
        all.insert(all.end(), command.begin(), command.end());
        return run(std::move(all), std::move(options));
    }
    static ProcessResult gateway(const std::string& config) {
        return run({program("postern-gateway"), "--config", config, "check-config"});
    }

    static std::unique_ptr<Stack> stack_;
    static inline int laptops_ = 0;
};

std::unique_ptr<Stack> CommandLine::stack_;

/// A colleague at the same address guesses at her name. Her desktop has the key of her last login.
TEST(LoginWhereOthersGuess, WorksForWhoHasLoggedInBeforeAlsoAfterARestartOfTheCa) {
    StackOptions options;
    options.with_postgres = false;
    Stack stack(options);
    const Laptop alice(stack, "alice");
    const Laptop stranger(stack, "alice", "stolen-name");
    ASSERT_EQ(alice.login().exit_code, 0);
    const auto old = content_of(alice.certificate());
    for (int restarts = 0; restarts < 2; ++restarts) {
        // Where one takes long, the wait for the next can be over before it is asked.
        bool must_wait = false;
        for (int i = 0; i < 40 && !must_wait; ++i) {
            const ProcessResult guess = stranger.login("a-guess");
            EXPECT_EQ(guess.exit_code, kDenied) << guess.err;
            must_wait = guess.err.find("too many failed logins") != std::string::npos;
        }
        EXPECT_TRUE(must_wait);
        const ProcessResult again = alice.login();
        EXPECT_EQ(again.exit_code, 0) << again.err;
        EXPECT_NE(content_of(alice.certificate()), old);
        stack.kill_ca();
        stack.start_ca();
    }
}

TEST_F(CommandLine, LoginTellsADenialAndAnOutageApart) {
    const Laptop alice = laptop();
    expect_told(alice.login("not-her-password"), kDenied, "refused");
    expect_told(alice.postern({"login", "--ca", "https://localhost:1", "--fingerprint", stack_->fingerprint(),
                               "--user", "alice", "--password-stdin"}),
                kUnreachable, "localhost:1");
    expect_told(alice.postern({"login"}), kUsage, "");
    expect_told(alice.postern({"services"}), kDenied, "logged in");
    EXPECT_EQ(alice.login().exit_code, 0);
    EXPECT_EQ(alice.postern({"services"}).exit_code, 0);
}

TEST_F(CommandLine, AConfigurationWithAnErrorIsNamedByLine) {
    const fs::path broken = stack_->folder() / "broken.toml";
    std::ofstream(broken) << "[gateway]\nnmae = \"gw1\"\n";
    const ProcessResult outcome = gateway(broken);
    EXPECT_EQ(outcome.exit_code, kConfigInvalid);
    EXPECT_THAT(outcome.err, HasSubstr("broken.toml:2"));
    EXPECT_EQ(gateway(stack_->gateway_config()).exit_code, 0);
    const ProcessResult ca =
        run({program("postern-ca"), "--dir", stack_->ca_folder(), "--config", broken, "check-config"});
    EXPECT_EQ(ca.exit_code, kConfigInvalid);
    EXPECT_THAT(ca.err, HasSubstr("broken.toml"));
}

TEST_F(CommandLine, ConnectEndsWellOnSigterm) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    Agent agent(alice);
    EXPECT_EQ(agent.process().stop(), 0);
}

TEST_F(CommandLine, ConnectRemembersItsPort) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const int port = free_port();
    for (const std::string& service : {fmt::format("orders-db:{}", port), std::string("orders-db")}) {
        Process agent({program("postern"), "connect", service, "--json"}, alice.options());
        agent.wait_for_out(fmt::format("{}", port));
        EXPECT_EQ(agent.stop(), 0);
    }
}

TEST_F(CommandLine, ConnectTellsThatItsPortIsTaken) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const std::string port = std::to_string(stack_->gateway_port());
    const ProcessResult outcome = alice.postern({"connect", "orders-db:" + port});
    EXPECT_EQ(outcome.exit_code, kFailed);
    EXPECT_THAT(outcome.err, HasSubstr("port " + port + " is taken"));
    EXPECT_THAT(outcome.err, HasSubstr("hint:"));
}

TEST_F(CommandLine, ADamagedLoginIsToldAndMendedByTheNext) {
    const Laptop alice = laptop();
    for (const char* name : {"profile.json", "login.pem", "login.key", "server-ca.pem"}) {
        const ProcessResult before = alice.login();
        ASSERT_EQ(before.exit_code, 0) << name << ": " << before.err;
        for (const char* damage : {"", "{\"ca_url\": 7", "\xff\xfe\x00garbage"}) {
            // An agent that runs has read them.
            ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
            std::ofstream(alice.state() / name, std::ios::trunc) << damage;
            const ProcessResult outcome = alice.postern({"services"});
            EXPECT_NE(outcome.exit_code, 0) << name;
            EXPECT_THAT(outcome.err, HasSubstr("error:")) << name;
            EXPECT_THAT(outcome.err, HasSubstr("postern login")) << name;
        }
        const ProcessResult after = alice.login();
        ASSERT_EQ(after.exit_code, 0) << name << ": " << after.err;
        EXPECT_EQ(alice.postern({"services"}).exit_code, 0) << name;
    }
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    fs::permissions(alice.key(), fs::perms(0644));
    expect_told(alice.postern({"services"}), kConfigInvalid, "chmod 600");
}

TEST_F(CommandLine, AFullDiskLosesNoLogin) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const std::string before = content_of(alice.certificate());
    // The agent is what writes; the next one is to have no room.
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    ProcessOptions options = alice.options();
    options.input = Stack::password_of("alice") + "\n";
    const ProcessResult full =
        on_a_full_disk({program("postern"), "login", "--user", "alice", "--password-stdin"}, options);
    expect_told(full, kFailed, "cannot write");
    EXPECT_EQ(content_of(alice.certificate()), before);
    const ProcessResult services = alice.postern({"services"});
    EXPECT_EQ(services.exit_code, 0) << services.err;
    for (const auto& entry : fs::directory_iterator(alice.state())) {
        EXPECT_EQ(entry.path().filename().string().find(".pem."), std::string::npos) << entry.path();
    }
}

TEST_F(CommandLine, AFullDiskLosesNothingOfTheCa) {
    const std::vector<std::string> add{
        program("postern-ca"), "--dir", stack_->ca_folder(), "user", "add", "erin", "--password-stdin"};
    ProcessOptions options;
    options.input = "erin-ca-password\n";
    expect_told(on_a_full_disk(add, options), kFailed, "");
    EXPECT_EQ(stack_->ca_command({"user", "list"}).find("erin"), std::string::npos);
    const ProcessResult added = run(add, options);
    EXPECT_EQ(added.exit_code, 0) << added.err;
    EXPECT_THAT(stack_->ca_command({"user", "list"}), HasSubstr("erin"));
    const ProcessResult verified =
        run({program("postern-audit"), "verify", stack_->ca_folder() / "audit.jsonl"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

/// What people have written where the address of a CA was meant, on each command line that takes one.
TEST_F(CommandLine, NoProgramTakesAnAddressThatCanNeverWork) {
    const Laptop alice = laptop();
    ASSERT_EQ(alice.login().exit_code, 0);
    const std::string out = stack_->folder() / "never.pem";
    struct Command {
        std::vector<std::string> words;
        int exit_code;
    };
    const std::vector<Command> commands{
        {{program("postern"), "login", "--fingerprint", stack_->fingerprint(), "--user", "alice", "--password-stdin",
          "--ca"},
         kUsage},
        {{program("postern"), "connect", "orders-db", "--background", "--non-interactive", "--ca"}, kConfigInvalid},
        {{program("postern-ca"), "enroll", "--fingerprint", stack_->fingerprint(), "--token", "t", "--out-cert", out,
          "--out-key", out, "--ca"},
         kUsage},
        {{program("postern-gateway"), "--config", stack_->gateway_config(), "enroll", "--fingerprint",
          stack_->fingerprint(), "--token", "t", "--ca"},
         kUsage}};
    for (const Command& command : commands) {
        for (const char* const url :
             {" ", "https://", "https://:7444", "https://h:0", "https://h:65536", "https://h:-1", "https://h:x",
              "https://::1:7444", "https://[::1", "https://u@h", "https://u:p@h:7444", "https://a b:7444",
              "https://h:7444:1", "https://h:7444/v1", "https://h//", "https://h?x", "https://h#x", "https://h\n",
              "https://h\x07:7444", "https://h\xc3\xa9", "https://h\xff", "http://ca.example.org:7444",
              "ftp://h:7444", "https//h"}) {
            std::vector<std::string> all = command.words;
            all.emplace_back(url);
            ProcessOptions options = alice.options();
            options.input = "a-password\n";
            const ProcessResult outcome = run(all, options);
            const std::string what = fmt::format("{} '{}'", fmt::join(command.words, " "), url);
            EXPECT_EQ(outcome.exit_code, command.exit_code) << what << outcome.err;
            EXPECT_THAT(outcome.err, HasSubstr("https://ca.example.org:7444")) << what;
        }
    }
}

}  // namespace
}  // namespace postern::test
