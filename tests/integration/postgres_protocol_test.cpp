// What PostgreSQL's protocol can do beyond a plain session, end to end: version 3.2 with its long cancel
// keys, and replication.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using testing::HasSubstr;

const std::filesystem::path kPrograms = "/usr/lib/postgresql/15/bin";
const std::string kProtocol32 = POSTERN_SOURCE "/tests/support/protocol_32.py";

std::string line_of(const std::string& text, const std::string& beginning) {
    const auto at = text.find(beginning);
    return at == text.npos ? text
                           : text.substr(at + beginning.size(), text.find('\n', at) - at - beginning.size());
}

class PostgresProtocol : public testing::Test {
protected:
    static void SetUpTestSuite() {
        next_port_ = free_port();
        StackOptions options;
        options.gateway_tables = fmt::format(
            "[[service]]\nname = \"next-db\"\nbackend = \"127.0.0.1:{}\"\n"
            "[[rule]]\nservices = [\"next-db\"]\ngroups = [\"analysts\"]\n",
            next_port_);
        stack_ = std::make_unique<Stack>(options);
    }
    static void TearDownTestSuite() { stack_.reset(); }

    static Laptop logged_in(const std::string& user) {
        Laptop laptop(*stack_, user);
        const ProcessResult login = laptop.login();
        EXPECT_EQ(login.exit_code, 0) << login.err;
        return laptop;
    }
    static ProcessResult client(int port, const std::string& user) {
        return run({"/usr/bin/python3", kProtocol32, "client", std::to_string(port), user});
    }

    static std::unique_ptr<Stack> stack_;
    static int next_port_;
};

std::unique_ptr<Stack> PostgresProtocol::stack_;
int PostgresProtocol::next_port_ = 0;

TEST_F(PostgresProtocol, AClientOf32IsNegotiatedDownByPostgresItself) {
    const Laptop carol = logged_in("carol");
    Agent agent(carol);
    const ProcessResult outcome = client(agent.port(), "carol");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("encryption: N\nencryption: N\n"));
    EXPECT_THAT(outcome.out, HasSubstr("negotiated: 3.0, 1 unknown: _pq_.postern_test"));
    EXPECT_THAT(outcome.out, HasSubstr("key: 4 bytes"));
    EXPECT_THAT(outcome.out, HasSubstr("row: carol"));
    EXPECT_THAT(outcome.out, HasSubstr("cancel answered with b''"));
}

TEST_F(PostgresProtocol, AKeyOf256BytesCancelsTheSessionThatItWasGivenFor) {
    const std::string token =
        stack_->ca_command({"token", "create", "--service", "next-db", "--dns", "localhost", "--json"});
    const auto file = [](const std::string& name) { return (stack_->folder() / ("next-" + name)).string(); };
    stack_->ca_command({"enroll", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint(), "--token",
                        parse_json(token).at("token"), "--out-cert", file("cert.pem"), "--out-key",
                        file("key.pem"), "--out-user-ca", file("user-ca.pem")});
    Process server({"/usr/bin/python3", kProtocol32, "server", std::to_string(next_port_), file("cert.pem"),
                    file("key.pem")});
    server.wait_for_out("listening");

    const Laptop bob = logged_in("bob");
    Agent agent(bob, {}, "next-db");
    const ProcessResult outcome = client(agent.port(), "bob");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("negotiated: 3.2, 1 unknown: _pq_.postern_test"));
    EXPECT_THAT(outcome.out, HasSubstr("key: 256 bytes"));
    EXPECT_THAT(outcome.out, HasSubstr("row: next"));
    server.wait_for_out("cancelled: ");
    EXPECT_THAT(server.out(), HasSubstr("started: 3.2 b'user"));
    EXPECT_EQ(line_of(server.out(), "cancelled: "), line_of(server.out(), "key: "));
}

class Replication : public PostgresProtocol {
protected:
    static void SetUpTestSuite() {
        PostgresProtocol::SetUpTestSuite();
        stack_->postgres().sql("alter role alice replication; create table log (line integer)");
    }
    // PostgreSQL refuses to run as root; its standby is another user's than the agent then.
    static ProcessOptions as_postgres(const std::string& password) {
        ProcessOptions options;
        options.user = "postgres";
        options.folder = "/";
        options.environment = {{"PGPASSWORD", password}};
        return options;
    }
    static std::vector<std::string> basebackup(const Agent& agent, const std::string& user,
                                               const std::filesystem::path& into) {
        return {kPrograms / "pg_basebackup",
                "-h",
                "localhost",
                "-p",
                std::to_string(agent.port()),
                "-U",
                user,
                "-D",
                into,
                "-R",
                "-X",
                "stream",
                "-c",
                "fast"};
    }
};

TEST_F(Replication, AStandbyIsBuiltAndStreamsThroughTheTunnel) {
    const Laptop alice = logged_in("alice");
    Agent agent(alice, {"--unsafe-any-local-user"});
    const auto data = stack_->folder() / "postgres" / "standby";
    auto& primary = stack_->postgres();
    primary.sql("insert into log values (1)");
    const ProcessResult backup = run(basebackup(agent, "alice", data), as_postgres("alice-password"));
    ASSERT_EQ(backup.exit_code, 0) << backup.out << backup.err;

    const std::string port = std::to_string(free_port());
    const std::string sockets = stack_->folder() / "postgres";
    Process standby({kPrograms / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=", "-c",
                     "unix_socket_directories=" + sockets},
                    as_postgres("alice-password"));
    const auto count = [&] {
        return run({kPrograms / "psql", "-X", "-h", sockets, "-p", port, "-U", "postgres", "-d", "orders",
                    "-Atc", "select count(*), pg_is_in_recovery() from log"})
            .out;
    };
    EXPECT_TRUE(eventually([&] { return count() == "1|t\n"; }, std::chrono::seconds(30))) << standby.err();
    primary.sql("insert into log select generate_series(2, 50000)");
    EXPECT_TRUE(eventually([&] { return count() == "50000|t\n"; }, std::chrono::seconds(30)))
        << standby.err();
    EXPECT_EQ(
        primary.sql("select usename, state, version from pg_stat_replication join pg_stat_ssl using (pid) "
                    "where client_dn like '%CN=alice%'"),
        "alice|streaming|TLSv1.3");
}

TEST_F(Replication, IsRefusedByPostgresToWhoMayNot) {
    const Laptop bob = logged_in("bob");
    Agent agent(bob, {"--unsafe-any-local-user"});
    const ProcessResult backup =
        run(basebackup(agent, "bob", stack_->folder() / "postgres" / "none"), as_postgres("bob-password"));
    EXPECT_NE(backup.exit_code, 0);
    EXPECT_THAT(backup.err, HasSubstr("replication role")) << backup.out;
}

}  // namespace
}  // namespace postern::test
