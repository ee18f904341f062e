// kill -9 at random moments while clients work: after a restart nothing is corrupt, and the audit log tells a
// torn last line from tampering.
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;

/// People who run one short query after another until told to stop.
class Workers {
public:
    Workers(int count, int port) {
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back([this, port] {
                while (!is_over_) {
                    const ProcessResult outcome =
                        psql(port, "select count(*) from generate_series(1, 1000)", "alice", {}, 20s);
                    outcome.out == "1000\n" ? ++good_ : ++failed_;
                }
            });
        }
    }
    ~Workers() { finish(); }
    void finish() {
        is_over_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }
    int good() const { return good_; }

private:
    std::atomic<bool> is_over_ = false;
    std::atomic<int> good_ = 0;
    std::atomic<int> failed_ = 0;
    std::vector<std::thread> threads_;
};

std::chrono::milliseconds random_moment() {
    static std::mt19937 generator(std::random_device{}());
    return std::chrono::milliseconds(std::uniform_int_distribution<int>(50, 700)(generator));
}

TEST(Crash, OfTheGatewayLosesNoRecordAndNoLaterConnection) {
    Stack stack;
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    Workers workers(4, agent.port());
    for (int round = 0; round < 8; ++round) {
        std::this_thread::sleep_for(random_moment());
        stack.kill_gateway();
        const ProcessResult torn = stack.verify_audit();
        EXPECT_TRUE(torn.exit_code == 0 || torn.exit_code == 3) << torn.out << torn.err;
        stack.start_gateway();
        const int before = workers.good();
        EXPECT_TRUE(eventually([&] { return workers.good() > before; }, 15s))
            << "nobody works after restart " << round;
    }
    workers.finish();
    const ProcessResult whole = stack.verify_audit();
    EXPECT_EQ(whole.exit_code, 0) << whole.out << whole.err;
}

TEST(Crash, OfTheCaServiceKeepsItsStateWhole) {
    Stack stack;
    Laptop alice(stack, "alice");
    std::atomic<bool> is_over = false;
    std::atomic<int> logins = 0;
    std::thread person([&] {
        while (!is_over) {
            logins += alice.login().exit_code == 0 ? 1 : 0;
        }
    });
    for (int round = 0; round < 6; ++round) {
        std::this_thread::sleep_for(random_moment());
        stack.kill_ca();
        stack.start_ca();
        const int before = logins;
        EXPECT_TRUE(eventually([&] { return logins > before; }, 15s))
            << "nobody can log in after restart " << round;
    }
    is_over = true;
    person.join();
    const Agent agent(alice);
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    EXPECT_EQ(run({"sqlite3", stack.ca_folder() / "state.db", "pragma integrity_check"}).out, "ok\n");
    const ProcessResult verified =
        run({program("postern-audit"), "verify", stack.ca_folder() / "audit.jsonl"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST(Crash, OfTheAgentLeavesALoginThatStillWorks) {
    Stack stack;
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    for (int round = 0; round < 5; ++round) {
        Agent agent(alice);
        Workers workers(2, agent.port());
        std::this_thread::sleep_for(random_moment());
        ::kill(agent.agent_pid(), SIGKILL);
        // The command in the foreground starts another agent, with the same ports.
        EXPECT_TRUE(eventually([&] { return psql(agent.port(), "select 'let in'").out == "let in\n"; }))
            << agent.process().err() << psql(agent.port(), "select 1").err;
    }
    const Agent agent(alice);
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    EXPECT_TRUE(eventually([&] {
        return stack.postgres().sql("select count(*) from pg_stat_activity where usename = 'alice'") == "0";
    }));
}

TEST(AuditLog, NamesTheFirstBadLineOfEachTampering) {
    Stack stack;
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    {
        const Agent agent(alice);
        for (int i = 0; i < 10; ++i) {
            ASSERT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
        }
    }
    stack.gateway().stop();
    ASSERT_EQ(stack.verify_audit().exit_code, 0);
    std::vector<std::string> lines;
    {
        std::ifstream file(stack.audit_file());
        for (std::string line; std::getline(file, line);) {
            lines.push_back(line);
        }
    }
    ASSERT_GT(lines.size(), 20U);
    const auto verify = [&](const std::vector<std::string>& changed) {
        std::ofstream file(stack.audit_file(), std::ios::trunc);
        for (const std::string& line : changed) {
            file << line << "\n";
        }
        file.close();
        return stack.verify_audit();
    };
    const auto expect_bad_line = [&](const std::vector<std::string>& changed, int line, const char* what) {
        const ProcessResult outcome = verify(changed);
        EXPECT_EQ(outcome.exit_code, 1) << what << outcome.out << outcome.err;
        EXPECT_THAT(outcome.out + outcome.err,
                    testing::ContainsRegex("(line |:)" + std::to_string(line) + "([^0-9]|$)"))
            << what;
    };
    auto edited = lines;
    edited[9].replace(edited[9].find("127.0.0.1"), 9, "127.0.0.2");
    expect_bad_line(edited, 10, "edited");
    auto deleted = lines;
    deleted.erase(deleted.begin() + 9);
    expect_bad_line(deleted, 10, "deleted");
    auto swapped = lines;
    std::swap(swapped[9], swapped[10]);
    expect_bad_line(swapped, 10, "swapped");
    auto truncated = lines;
    truncated.resize(lines.size() - 3);
    EXPECT_EQ(verify(truncated).exit_code, 1) << "cut off";
    EXPECT_EQ(verify(lines).exit_code, 0);
}

}  // namespace
}  // namespace postern::test
