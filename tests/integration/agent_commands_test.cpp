// The commands that are clients of the agent: what they open, hold and close, and which agent they believe.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "support/control_client.hpp"
#include "support/shared_stack.hpp"
#include "support/silent_backend.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class AgentCommands : public SharedStack {};

TEST_F(AgentCommands, PortsOfABackgroundConnectOutliveTheCommandAndOthersDoNot) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int kept = free_port();
    const ProcessResult background =
        bob.postern({"connect", fmt::format("orders-db:{}", kept), "--background", "--json"});
    EXPECT_EQ(background.exit_code, 0) << background.err;
    EXPECT_EQ(psql(kept, "select 'let in'", "bob").out, "let in\n");
    int held = 0;
    {
        Agent foreground(bob);
        held = foreground.port();
        EXPECT_EQ(psql(held, "select 'let in'", "bob").out, "let in\n");
        EXPECT_EQ(foreground.process().stop(), 0);
    }
    EXPECT_TRUE(eventually([&] { return psql(held, "select 1", "bob").exit_code == 2; }));
    EXPECT_EQ(psql(kept, "select 'let in'", "bob").out, "let in\n");
    const json status = parse_json(bob.postern({"status", "--json"}).out);
    EXPECT_EQ(status["services"][0]["ports"].size(), 1U);
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_EQ(psql(kept, "select 1", "bob").exit_code, 2);
}

TEST_F(AgentCommands, ClosingOneServiceLeavesTheOthersOfTheSameCommandOpen) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int kept = free_port();
    Process connect(
        {program("postern"), "connect", fmt::format("orders-db:{}", kept), "--passthrough", "nobody-db:0"},
        bob.options());
    ASSERT_TRUE(eventually([&] { return psql(kept, "select 'let in'", "bob").out == "let in\n"; }));
    EXPECT_EQ(bob.postern({"disconnect", "nobody-db"}).exit_code, 0);
    connect.wait_for_err("is closed");
    EXPECT_EQ(psql(kept, "select 'let in'", "bob").out, "let in\n");
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_EQ(connect.wait(30s), 0) << connect.err();
}

TEST_F(AgentCommands, ClosingAPortEndsWhatGoesThroughItWhetherOrNotItIsRead) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int port = free_port();
    ASSERT_EQ(bob.postern({"connect", fmt::format("orders-db:{}", port), "--background"}).exit_code, 0);
    // A result that stands before a pager.
    Process reader({"bash", "-c",
                    // Both end with the shell.
                    fmt::format("PGPASSWORD=bob-password setpriv --pdeathsig KILL psql -X -h localhost -p {} "
                                "-U bob -d orders -c \"copy (select "
                                "repeat('x', 1000) from generate_series(1, 100000)) to stdout\" | setpriv "
                                "--pdeathsig KILL sleep 60",
                                port)});
    const auto bytes = [&] {
        const json status = parse_json(bob.postern({"status", "--json"}).out);
        return status["services"][0]["bytes_in"].get<std::uint64_t>();
    };
    ASSERT_TRUE(eventually([&] { return bytes() > 0; }));
    // Until nobody takes any more.
    std::uint64_t before = 0;
    ASSERT_TRUE(eventually([&] { return std::exchange(before, bytes()) == before; }));
    const auto closed = [&] {
        const auto records = stack_->records();
        return std::count_if(records.begin(), records.end(), [](const json& record) {
            return record["event"].value("action", "") == "connection.closed";
        });
    };
    const auto closed_before = closed();
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_TRUE(eventually([&] { return closed() == closed_before + 1; }, 30s));
}

/// What a command may still reach of an agent that is dying: takes so many clients, is gone at once, and then
/// for good.
class DyingAgent {
public:
    DyingAgent(const Laptop& laptop, int clients)
        : listening_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        std::filesystem::create_directories(laptop.agent_socket().parent_path());
        std::filesystem::permissions(laptop.agent_socket().parent_path(), std::filesystem::perms::owner_all);
        std::filesystem::remove(laptop.agent_socket());
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        laptop.agent_socket().string().copy(name.sun_path, sizeof name.sun_path - 1);
        const bool is_there =
            ::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 &&
            ::listen(listening_.get(), 1) == 0;
        EXPECT_TRUE(is_there);
        const timeval timeout{10, 0};
        ::setsockopt(listening_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        thread_ = std::thread([this, clients] {
            for (int i = 0; i < clients; ++i) {
                const UniqueFd client(::accept(listening_.get(), nullptr, nullptr));
                // Before the last one hears of the end, and comes again.
                if (i + 1 == clients) {
                    listening_ = UniqueFd();
                }
            }
        });
    }
    /// Once all have come.
    ~DyingAgent() { thread_.join(); }
    DyingAgent(const DyingAgent&) = delete;
    DyingAgent& operator=(const DyingAgent&) = delete;

private:
    UniqueFd listening_;
    std::thread thread_;
};

TEST_F(AgentCommands, ACommandThatReachedADyingOneStartsAnother) {
    const Laptop carol(*stack_, "carol", "-dying");
    ASSERT_EQ(carol.login().exit_code, 0);
    ASSERT_EQ(ControlClient(carol).call("shutdown")["result"], json::object());
    ASSERT_TRUE(eventually([&] { return !ControlClient(carol).is_connected(); }));
    const std::vector<std::string> files{"--cert", carol.certificate(), "--key", carol.key()};
    {
        const DyingAgent dying(carol, 2);
        const Agent agent(carol, files);
        EXPECT_EQ(psql(agent.port(), "select 'let in'", "carol").out, "let in\n");
    }
    ASSERT_EQ(ControlClient(carol).call("shutdown")["result"], json::object());
    ASSERT_TRUE(eventually([&] { return !ControlClient(carol).is_connected(); }));
    // Not for ever.
    const DyingAgent dying(carol, 3);
    const ProcessResult given_up =
        carol.postern({"connect", "orders-db", "--cert", files[1], "--key", files[3]});
    EXPECT_NE(given_up.exit_code, 0);
    EXPECT_THAT(given_up.err, HasSubstr("the agent has ended"));
}

TEST_F(AgentCommands, LetsInOnlyTheProgramsThatAreAllowed) {
    const Laptop carol(*stack_, "carol");
    ASSERT_EQ(carol.login().exit_code, 0);
    ASSERT_EQ(ControlClient(carol).call("shutdown")["result"], json::object());
    const std::filesystem::path config = carol.config() / "config.toml";
    std::filesystem::create_directories(config.parent_path());
    std::ofstream(config) << "[agent]\nallow_programs = [\"pg_dump\"]\n";
    {
        const Agent agent(carol);
        const ProcessResult refused = psql(agent.port(), "select 1", "carol");
        EXPECT_NE(refused.exit_code, 0);
        const json events = ControlClient(carol).call("events", {{"limit", 1}})["result"]["events"];
        EXPECT_THAT(json_text(events), HasSubstr("allow_programs"));
        const std::string dump = fmt::format(
            "PGPASSWORD=carol-password exec pg_dump -h localhost -p {} -U carol -s -t nothing* orders",
            agent.port());
        const ProcessResult let_in = run({"bash", "-c", dump});
        EXPECT_THAT(let_in.err, testing::Not(HasSubstr("connection"))) << let_in.err;
        ControlClient(carol).call("shutdown");
    }
    std::filesystem::remove(config);
}

TEST_F(AgentCommands, RunsPsqlAsTheFirstCommandEver) {
    const Laptop erin(*stack_, "alice-first");
    const std::filesystem::path password = stack_->folder() / "alice-password-file";
    std::ofstream(password) << Stack::password_of("alice") << "\n";
    std::filesystem::permissions(password, std::filesystem::perms::owner_read);
    std::filesystem::create_directories(erin.config());
    std::ofstream(erin.config() / "config.toml")
        << fmt::format("[ca]\nurl = \"{}\"\nfingerprint = \"{}\"\n[login]\nuser = \"alice\"\n",
                       stack_->ca_url(), stack_->fingerprint());
    const auto psql = [&](std::vector<std::string> more) {
        more.insert(more.begin(), "psql");
        more.insert(more.end(), {"orders-db", "--", "-X", "-d", "orders", "-Atc", "select 'let in'"});
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", "alice-password"}};
        return erin.postern(more, options);
    };
    const ProcessResult nobody = psql({"--non-interactive"});
    EXPECT_EQ(nobody.exit_code, 4) << nobody.err;
    EXPECT_THAT(nobody.err, HasSubstr("postern login"));
    const ProcessResult outcome = psql({"--non-interactive", "--password-file", password});
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
    // Not with somebody else's login.
    const ProcessResult another = psql({"--non-interactive", "--user", "bob"});
    EXPECT_EQ(another.exit_code, 4) << another.out;
    EXPECT_THAT(another.err, HasSubstr("bob is not logged in"));
    const ProcessResult ran = erin.postern({"run", "orders-db", "--", "sh", "-c", "echo $PGHOST $PGUSER"});
    EXPECT_EQ(ran.out, erin.agent_socket().parent_path().string() + " alice\n") << ran.err;
    const ProcessResult by_tcp =
        erin.postern({"run", "--tcp", "orders-db", "--", "sh", "-c", "echo $PGHOST $PGHOSTADDR"});
    EXPECT_EQ(by_tcp.out, "localhost 127.0.0.1\n") << by_tcp.err;
    const ProcessResult well = erin.postern({"doctor", "orders-db", "--database", "orders", "--json"});
    EXPECT_EQ(well.exit_code, 0) << well.out << well.err;
    const ProcessResult waited = erin.postern({"wait", "orders-db", "--timeout", "1s"});
    EXPECT_EQ(waited.exit_code, 1) << waited.err;
    EXPECT_EQ(
        erin.postern({"connect", fmt::format("orders-db:{}", free_port()), "--background", "--service-file"})
            .exit_code,
        0);
    EXPECT_EQ(erin.postern({"wait", "orders-db", "--database", "orders"}).exit_code, 0);
    EXPECT_EQ(erin.postern({"wait", "orders-db", "--database", "orders", "--timeout", "0s"}).exit_code, 0)
        << "how it is now";
    ProcessOptions by_service = erin.options();
    by_service.environment["PGPASSWORD"] = "alice-password";
    EXPECT_EQ(
        run({"psql", "-X", "-Atc", "select 'let in'", "service=orders-db dbname=orders"}, by_service).out,
        "let in\n");
    const ProcessResult ill = erin.postern({"doctor", "no-such-db"});
    EXPECT_EQ(ill.exit_code, 4) << ill.out;
    EXPECT_THAT(ill.out, HasSubstr("the CA lists no service no-such-db"));
}

TEST_F(AgentCommands, WaitKeepsItsTimeoutWhileAGatewayIsSilent) {
    const SilentBackend silent;
    const Laptop alice(*stack_, "alice", "waiting");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice, {"--cert", alice.certificate(), "--key", alice.key(), "--gateway",
                              fmt::format("gw1=127.0.0.1:{}", silent.port())});
    const auto began = std::chrono::steady_clock::now();
    const ProcessResult waited = alice.postern({"wait", "orders-db", "--timeout", "1s"});
    EXPECT_NE(waited.exit_code, 0);
    EXPECT_THAT(waited.err, HasSubstr("not ready after 1s"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 9s) << "the gateway has ten";
}

// A command tells passwords to whoever answers at the agent's socket.
TEST_F(AgentCommands, TellNothingToAnotherUsersProcessInTheAgentsPlace) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may become another user";
    }
    const Laptop carol(*stack_, "carol", "-taken");
    ASSERT_EQ(carol.login().exit_code, 0);
    ASSERT_EQ(carol.postern({"agent", "--stop"}).exit_code, 0);
    const std::filesystem::path folder = carol.agent_socket().parent_path();
    std::filesystem::permissions(folder.parent_path(), std::filesystem::perms(0755));
    std::filesystem::remove(carol.agent_socket());
    // As it was while it was open to others; now it is not.
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    ProcessOptions other;
    other.user = "postgres";
    Process squatter(
        {"/usr/bin/perl", "-e",
         fmt::format("use IO::Socket::UNIX; $| = 1; my $s = IO::Socket::UNIX->new(Local => '{}', Listen => "
                     "5) or die $!; "
                     "print \"ready\\n\"; while (my $c = $s->accept) {{ my $told = join('', <$c>); "
                     "print 'heard ', length $told, \"\\n\"; }}",
                     carol.agent_socket().string())},
        other);
    squatter.wait_for_out("ready");
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    const int port = free_port();
    const std::vector<std::pair<std::vector<std::string>, std::string>> commands{
        {{"login", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint(), "--user", "carol",
          "--password-stdin"},
         Stack::password_of("carol") + "\n"},
        {{"connect", "--background", fmt::format("orders-db:{}", port)}, ""},
        {{"psql", "orders-db", "--", "-c", "select 1"}, ""},
        {{"run", "orders-db", "--", "true"}, ""},
        {{"wait", "orders-db", "--timeout", "1s"}, ""},
        {{"services"}, ""},
        {{"status"}, ""},
        {{"doctor", "orders-db"}, ""},
        {{"disconnect", "orders-db"}, ""},
        {{"logout"}, ""},
        {{"agent", "--stop"}, ""}};
    for (const auto& [command, input] : commands) {
        ProcessOptions options;
        options.input = input;
        const ProcessResult told = carol.postern(command, options);
        EXPECT_NE(told.exit_code, 0) << command.front();
        EXPECT_THAT(told.out + told.err, HasSubstr("a process of another user")) << command.front();
    }
    EXPECT_THAT(squatter.out(), HasSubstr("heard 0"));
    EXPECT_THAT(squatter.out(), Not(testing::ContainsRegex("heard [1-9]")));
}

}  // namespace
}  // namespace postern::test
