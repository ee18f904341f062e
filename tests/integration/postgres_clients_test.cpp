// What people do with a database, through both ways: the agent's own TLS with PostgreSQL (end to end), and
// psql's own TLS passed through.
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

enum class Way { end_to_end, passthrough };

class PostgresClients : public testing::TestWithParam<Way> {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        const ProcessResult login = alice_->login();
        ASSERT_EQ(login.exit_code, 0) << login.err;
        agent_ = std::make_unique<Agent>(*alice_);
    }
    static void TearDownTestSuite() {
        agent_.reset();
        alice_.reset();
        stack_.reset();
    }

    /// Connection string for this way; no certificate in it when the agent does the TLS.
    static std::string dsn() {
        return GetParam() == Way::end_to_end
                   ? fmt::format("host=localhost port={} user=alice dbname=orders password=alice-password",
                                 agent_->port())
                   : passthrough_dsn(*stack_, *alice_, agent_->passthrough_port());
    }
    static std::vector<std::string> psql_command() {
        return {"psql", "-X", "-v", "ON_ERROR_STOP=1", "-At", dsn()};
    }
    static ProcessResult psql(const std::string& statement) {
        auto command = psql_command();
        command.insert(command.end(), {"-c", statement});
        return run(command, {}, std::chrono::seconds(120));
    }
    static std::string shell(const std::string& script, int expected_exit = 0) {
        ProcessOptions options;
        options.environment = {{"DSN", dsn()},
                               {"FOLDER", stack_->folder()},
                               {"PATH", "/usr/lib/postgresql/15/bin:/usr/bin:/bin"}};
        const ProcessResult outcome =
            run({"bash", "-euo", "pipefail", "-c", script}, options, std::chrono::seconds(240));
        EXPECT_EQ(outcome.exit_code, expected_exit) << script << "\n" << outcome.out << outcome.err;
        return outcome.out;
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Laptop> alice_;
    static std::unique_ptr<Agent> agent_;
};

std::unique_ptr<Stack> PostgresClients::stack_;
std::unique_ptr<Laptop> PostgresClients::alice_;
std::unique_ptr<Agent> PostgresClients::agent_;

TEST_P(PostgresClients, PsqlRunsAQueryAndPostgresSawTheCertificateOverTls13) {
    const ProcessResult outcome =
        psql("select version, client_dn from pg_stat_ssl where pid = pg_backend_pid()");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("TLSv1.3|"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("CN=alice"), std::string::npos) << outcome.out;
}

TEST_P(PostgresClients, AnOrdinaryEndOfPsqlIsRecordedWithoutAReason) {
    const auto closed = [] {
        auto records = stack_->records();
        std::erase_if(records, [](const nlohmann::json& record) {
            return record.at("event").at("action") != "connection.closed";
        });
        return records;
    };
    const std::size_t before = closed().size();
    constexpr std::size_t kSessions = 10;
    for (std::size_t i = 0; i < kSessions; ++i) {
        EXPECT_EQ(psql("select 1").out, "1\n");
    }
    ASSERT_TRUE(eventually([&] { return closed().size() >= before + kSessions; }));
    const auto all = closed();
    for (std::size_t i = before; i < all.size(); ++i) {
        EXPECT_FALSE(all[i]["event"].contains("reason")) << all[i];
        EXPECT_FALSE(all[i]["postern"].contains("stage")) << all[i];
        EXPECT_EQ(all[i]["event"]["outcome"], "success") << all[i];
        EXPECT_NE(all[i]["postern"]["closed_by"], "gateway") << all[i];
    }
}

TEST_P(PostgresClients, PgbenchRunsInEachQueryMode) {
    shell("pgbench -q -i -s 1 \"$DSN\" 2>&1");
    for (const std::string mode : {"simple", "extended", "prepared"}) {
        const std::string out = shell("pgbench -M " + mode + " -c 8 -j 2 -t 50 \"$DSN\" 2>&1");
        EXPECT_NE(out.find("number of transactions actually processed: 400/400"), std::string::npos) << out;
    }
}

TEST_P(PostgresClients, CopyOf100MegabytesComesBackEqual) {
    shell(
        "psql -X \"$DSN\" -v ON_ERROR_STOP=1 -c 'drop table if exists bulk' -c 'create table bulk (id "
        "integer, text text)'");
    const std::string sums = shell(R"sh(
        seq 1 1000000 | awk '{ printf "%d\t%0100d\n", $1, $1 }' > "$FOLDER/in"
        psql -X "$DSN" -v ON_ERROR_STOP=1 -q -c '\copy bulk from stdin' < "$FOLDER/in"
        psql -X "$DSN" -v ON_ERROR_STOP=1 -q -c '\copy bulk to stdout' > "$FOLDER/out"
        [ "$(stat -c %s "$FOLDER/in")" -gt 100000000 ]
        sha256sum < "$FOLDER/in"; sha256sum < "$FOLDER/out"; rm "$FOLDER/in" "$FOLDER/out")sh");
    EXPECT_EQ(sums.substr(0, 64), sums.substr(sums.find('\n') + 1, 64));
    EXPECT_EQ(psql("drop table bulk").exit_code, 0);
}

// The server says its last words while the client is still sending, and reads no more of that.
TEST_P(PostgresClients, ACopyThatTheServerEndsTellsWhy) {
    const std::string told = shell(R"sh(
        psql -X "$DSN" -q -c 'drop table if exists endless' -c 'create table endless (id integer, text text)'
        for i in $(seq 20); do
            { yes "1	$(head -c 200 /dev/zero | tr '\0' x)" || true; } |
                PGAPPNAME=endless psql -X "$DSN" -v ON_ERROR_STOP=1 -q -c '\copy endless from stdin' 2>"$FOLDER/told" &
            until [ "$(psql -X "$DSN" -At -c "select pg_terminate_backend(pid) from pg_stat_activity
                       where application_name = 'endless' and state = 'active' and query like 'COPY%'")" = t ]; do
                sleep 0.05
            done
            wait $! && exit 1
            cat "$FOLDER/told"
        done
        psql -X "$DSN" -q -c 'drop table endless')sh");
    std::size_t times = 0;
    for (std::size_t at = 0;
         (at = told.find("terminating connection due to administrator", at)) != std::string::npos; ++at) {
        ++times;
    }
    EXPECT_EQ(times, 20U) << told;
}

TEST_P(PostgresClients, CtrlCInPsqlCancelsTheQueryInTheServer) {
    auto command = psql_command();
    command.insert(command.end(), {"-c", "select pg_sleep(600), 'to be cancelled'"});
    Process sleeper(command);
    const std::string active =
        "select count(*) from pg_stat_activity where state = 'active' and query like '%to be cancelled%' and "
        "pid <> "
        "pg_backend_pid()";
    ASSERT_TRUE(eventually([&] { return stack_->postgres().sql(active) == "1"; })) << sleeper.err();
    sleeper.signal(SIGINT);
    EXPECT_TRUE(eventually([&] { return stack_->postgres().sql(active) == "0"; }));
    ASSERT_TRUE(sleeper.wait(std::chrono::seconds(10)));
    EXPECT_NE(sleeper.err().find("canceling statement due to user request"), std::string::npos)
        << sleeper.err();
}

TEST_P(PostgresClients, NotificationsArriveUnasked) {
    auto command = psql_command();
    ProcessOptions options;
    options.input = "listen news;\nselect pg_sleep(3), 'listening';\nselect 1;\n";
    Process listener(command, options);
    ASSERT_TRUE(eventually([&] {
        return stack_->postgres().sql(
                   "select count(*) from pg_stat_activity where state = 'active' and query like "
                   "'%''listening''%' and pid <> "
                   "pg_backend_pid()") == "1";
    })) << listener.err();
    ASSERT_EQ(psql("notify news, 'the bridge is down'").exit_code, 0);
    ASSERT_TRUE(listener.wait(std::chrono::seconds(20)));
    EXPECT_NE(listener.out().find("the bridge is down"), std::string::npos)
        << listener.out() << listener.err();
}

TEST_P(PostgresClients, AResultOfHalfAMillionRowsIsWhole) {
    const std::string sum = shell("psql -X -At \"$DSN\" -c 'select generate_series(1, 500000)' | sha256sum");
    EXPECT_EQ(sum.substr(0, 64), shell("seq 1 500000 | sha256sum").substr(0, 64));
}

TEST_P(PostgresClients, PgDumpRestoresElsewhere) {
    shell(R"sh(psql -X -q "$DSN" -v ON_ERROR_STOP=1 -c 'drop table if exists dumped, restored' \
        -c "create table dumped as select i, md5(i::text) as text from generate_series(1, 20000) i")sh");
    shell(R"sh(pg_dump -Fc -t dumped -d "$DSN" > "$FOLDER/dump"
        psql -X -q "$DSN" -c 'alter table dumped rename to original'
        pg_restore --no-owner -d "$DSN" "$FOLDER/dump")sh");
    EXPECT_EQ(
        psql("select count(*), count(distinct o.text) from original o join dumped d using (i, text)").out,
        "20000|20000\n");
    EXPECT_EQ(psql("drop table original, dumped").exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Ways, PostgresClients, testing::Values(Way::end_to_end, Way::passthrough),
                         [](const auto& way) {
                             return way.param == Way::end_to_end ? "EndToEnd" : "Passthrough";
                         });

}  // namespace
}  // namespace postern::test
