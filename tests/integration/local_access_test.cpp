// Who may use the local ports, where they are, and what is left of them when an agent dies.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class LocalAccess : public SharedStack {
protected:
    static ProcessResult psql_at(const std::string& host, int port, ProcessOptions options = {}) {
        options.environment["PGPASSWORD"] = "alice-password";
        std::vector<std::string> command{"psql",  "-X", "-h",     host,   "-U",
                                         "alice", "-d", "orders", "-Atc", "select 'let in'"};
        if (port != 0) {
            command.insert(command.end(), {"-p", std::to_string(port)});
        }
        return run(command, options);
    }
};

TEST_F(LocalAccess, IsForTheOwnerAloneOverEitherProtocolAndOthersAreToldSo) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may become another user";
    }
    const Laptop alice = logged_in();
    const Agent agent(alice);
    ProcessOptions other;
    other.user = "postgres";
    other.folder = "/";
    const auto rejections = [] {
        const auto records = stack_->records();
        return std::count_if(records.begin(), records.end(), [](const auto& record) {
            return record["event"].value("action", "") == "connection.rejected";
        });
    };
    const auto before = rejections();
    for (const char* host : {"127.0.0.1", "::1", "localhost"}) {
        EXPECT_EQ(psql_at(host, agent.port()).out, "let in\n") << host;
        const ProcessResult refused = psql_at(host, agent.port(), other);
        EXPECT_EQ(refused.exit_code, 2) << host;
        EXPECT_THAT(refused.err, HasSubstr("FATAL:  a process of another user of this machine")) << host;
        EXPECT_THAT(refused.err, HasSubstr("HINT:  Each user runs postern for themselves."));
    }
    ProcessOptions passing = other;
    passing.environment["PGSSLMODE"] = "require";
    const ProcessResult passed = psql_at("localhost", agent.passthrough_port(), passing);
    // libpq shows nothing of what comes before TLS, but that it is an answer.
    EXPECT_THAT(passed.err, HasSubstr("server sent an error response"));
    // Nothing of it reaches the gateway.
    EXPECT_EQ(rejections(), before);
    EXPECT_THAT(alice.postern({"status"}).out, HasSubstr("another user of this machine"));
}

// The kernel shows a socket that its process has closed as root's.
TEST_F(LocalAccess, IsForNobodyWhoHasClosedTheConnectionByTheTimeItIsSeen) {
    const Laptop alice = logged_in();
    const Agent agent(alice);
    const auto troubles = [&] {
        const auto status = parse_json(alice.postern({"status", "--json"}).out);
        const auto& all = status.at("trouble");
        return std::count_if(all.begin(), all.end(), [](const auto& trouble) {
            return json_text(trouble).find("cannot be told which user") != std::string::npos;
        });
    };
    const auto connections = [] {
        const auto records = stack_->records();
        return std::count_if(records.begin(), records.end(), [](const auto& record) {
            return record["event"].value("action", "").starts_with("connection.");
        });
    };
    const auto before = connections();
    for (const std::string sent : {"", "printf 'hello' >&3;"}) {
        const std::string script =
            fmt::format("exec 3<>/dev/tcp/127.0.0.1/{}; {} exec 3>&-", agent.passthrough_port(), sent);
        const Pause pause(agent.agent_pid());
        const ProcessResult sender = run({"bash", "-c", script});
        ASSERT_EQ(sender.exit_code, 0) << sender.err;
    }
    // Whoever only looked whether the port is open is no trouble.
    EXPECT_TRUE(eventually([&] { return troubles() == 1; })) << alice.postern({"status", "--json"}).out;
    EXPECT_EQ(connections(), before);
}

TEST_F(LocalAccess, TellsAProgramThatIsNotAllowedWhy) {
    const Laptop alice = logged_in();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    fs::create_directories(alice.config());
    std::ofstream(alice.config() / "config.toml") << "[agent]\nallow_programs = [\"pg_dump\"]\n";
    const Agent agent(alice);
    const ProcessResult refused = psql_at("localhost", agent.port());
    EXPECT_THAT(refused.err, HasSubstr("FATAL:  psql (pid "));
    EXPECT_THAT(refused.err, HasSubstr("allow_programs"));
}

TEST_F(LocalAccess, ListensElsewhereOnlyWhenToldSo) {
    const Laptop alice = logged_in();
    {
        const Agent agent(alice);
        EXPECT_THAT(psql_at("127.0.0.2", agent.port()).err, HasSubstr("Connection refused"));
    }
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    fs::create_directories(alice.config());
    std::ofstream(alice.config() / "config.toml") << "[agent]\nunsafe_listen = [\"127.0.0.2\"]\n";
    const Agent agent(alice);
    EXPECT_EQ(psql_at("127.0.0.2", agent.port()).out, "let in\n");
}

TEST_F(LocalAccess, AllAddressesMayBeSaidAndTheLoopbackStaysTheOwnersAlone) {
    const Laptop alice = logged_in();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    fs::create_directories(alice.config());
    for (const std::string all :
         {"\"0.0.0.0\"", "\"0.0.0.0\", \"::\", \"127.0.0.1\", \"127.0.0.2\"", "\"*\""}) {
        std::ofstream(alice.config() / "config.toml") << fmt::format("[agent]\nunsafe_listen = [{}]\n", all);
        const Agent agent(alice);
        for (const char* host : {"127.0.0.1", "::1", "127.0.0.2"}) {
            EXPECT_EQ(psql_at(host, agent.port()).out, "let in\n") << host << " of " << all;
        }
        if (::geteuid() == 0) {
            ProcessOptions other;
            other.user = "postgres";
            other.folder = "/";
            EXPECT_THAT(psql_at("127.0.0.1", agent.port(), other).err,
                        HasSubstr("a process of another user"));
            EXPECT_THAT(psql_at("::1", agent.port(), other).err, HasSubstr("a process of another user"));
        }
        EXPECT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    }
}

// Other users may, but whoever cannot be named is not among the named ones.
TEST_F(LocalAccess, NamedProgramsAloneMayAlsoWhereOtherUsersMay) {
    const Laptop alice = logged_in();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    fs::create_directories(alice.config());
    std::ofstream(alice.config() / "config.toml") << "[agent]\nallow_programs = [\"pg_dump\"]\n";
    const Agent agent(alice, {"--unsafe-any-local-user"});
    {
        const Pause pause(agent.agent_pid());
        const std::string script =
            fmt::format("exec 3<>/dev/tcp/127.0.0.1/{}; printf 'hello' >&3; exec 3>&-", agent.port());
        ASSERT_EQ(run({"bash", "-c", script}).exit_code, 0);
    }
    EXPECT_TRUE(eventually([&] {
        return alice.postern({"status", "--json"}).out.find("cannot be told which") != std::string::npos;
    })) << alice.postern({"status", "--json"}).out;
}

TEST_F(LocalAccess, IsAtPostgresOwnSocketNameWhateverThePort) {
    const Laptop alice = logged_in();
    const auto folder = alice.agent_socket().parent_path();
    {
        const Agent agent(alice);
        EXPECT_EQ(psql_at(folder, 0).out, "let in\n");
        EXPECT_EQ(psql_at(folder, agent.port()).out, "let in\n");
    }
    // With the port it goes.
    EXPECT_TRUE(eventually([&] { return psql_at(folder, 0).exit_code == 2; }));
    EXPECT_TRUE(eventually([&] { return !fs::exists(folder / ".s.PGSQL.5432"); }));
    // A port of a single program is nobody else's.
    const ProcessResult listing = alice.postern({"run", "orders-db", "--", "ls", "-A", folder});
    EXPECT_THAT(listing.out, HasSubstr(".s.PGSQL."));
    EXPECT_THAT(listing.out, Not(HasSubstr(".s.PGSQL.5432\n")));
}

TEST_F(LocalAccess, ThatIsKeptOutlivesAnAgentThatWasKilled) {
    const Laptop alice = logged_in();
    const int port = free_port();
    Process connect(
        {program("postern"), "connect", fmt::format("orders-db:{}", port), "--background", "--json"},
        alice.options());
    EXPECT_EQ(connect.wait(20s), 0) << connect.err();
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    ASSERT_EQ(::kill(agent_pid_in(connect), SIGKILL), 0);
    EXPECT_TRUE(eventually([&] { return psql(port, "select 1").exit_code == 2; }));
    // Whatever command comes next.
    EXPECT_EQ(alice.postern({"services"}).exit_code, 0);
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    EXPECT_EQ(psql_at(alice.agent_socket().parent_path(), port).out, "let in\n");
    // One that was told to end does not come back with what it had open.
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    EXPECT_EQ(alice.postern({"services"}).exit_code, 0);
    EXPECT_EQ(psql(port, "select 1").exit_code, 2);
}

TEST_F(LocalAccess, GivesASlipOfThePenNoPortForGood) {
    const Laptop alice = logged_in();
    const ProcessResult slip = alice.postern({"connect", "order-db", "--background"});
    EXPECT_EQ(slip.exit_code, 4) << slip.err;
    EXPECT_THAT(slip.err, HasSubstr("the CA lists no service order-db (did you mean orders-db?)"));
    EXPECT_EQ(alice.postern({"services", "--names"}).out, "orders-db\n");
    EXPECT_THAT(alice.postern({"disconnect", "order-db"}).out, HasSubstr("No port of order-db was open"));
}

TEST_F(LocalAccess, StatusTellsOfTheLastTroubleEvenWhenItIsOver) {
    const Laptop alice = logged_in();
    const int port = free_port();
    ASSERT_EQ(alice.postern({"connect", fmt::format("orders-db:{}", port), "--background"}).exit_code, 0);
    stack_->kill_gateway();
    EXPECT_THAT(psql(port, "select 1").err, HasSubstr("FATAL"));
    stack_->start_gateway();
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    ASSERT_EQ(alice.postern({"disconnect", "orders-db"}).exit_code, 0);
    const ProcessResult status = alice.postern({"status"});
    EXPECT_THAT(status.out, HasSubstr("last trouble"));
    EXPECT_THAT(status.out, HasSubstr("orders-db was refused: the gateway gw1 cannot be reached"));
    EXPECT_THAT(status.out, HasSubstr("hint: Check the network"));
    const auto told = parse_json(alice.postern({"status", "--json"}).out);
    EXPECT_EQ(told["trouble"][0]["reason"], "unreachable");
}

}  // namespace
}  // namespace postern::test
