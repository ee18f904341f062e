// With a hundred thousand revoked certificates: how soon another revocation is felt, what a list that stays
// the same costs, and that nobody waits while a new one comes every second.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "support/echo_server.hpp"
#include "support/loopback_address.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr int kRevoked = 100'000;
#ifdef __SANITIZE_ADDRESS__
constexpr int kTimesSlower = 5;
#else
constexpr int kTimesSlower = 1;
#endif
/// What it would be about at 37 bytes an entry.
constexpr std::uint64_t kListBytes = std::uint64_t{kRevoked} * 37;

/// Commands of SQLite's shell on the CA's store.
void store_command(const Stack& stack, const std::string& sql) {
    ProcessOptions options;
    options.input = ".timeout 5000\n" + sql;
    const ProcessResult done = run({"sqlite3", "-bail", stack.ca_folder() / "state.db"}, options);
    ASSERT_EQ(done.exit_code, 0) << done.err;
}

/// A new list is due: the same serials under a new number.
void bump(const Stack& stack) {
    store_command(stack, "UPDATE counters SET value = value + 1 WHERE name = 'revocations';");
}

/// Ten certificates for each of ten thousand login sessions of bob, all of them revoked.
void revoke_many(const Stack& stack) {
    store_command(stack,
                  fmt::format("BEGIN;"
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) "
                              "INSERT INTO sessions (id, user_name, created_at, expires_at) "
                              "SELECT 'many-' || i, 'bob', 1, 9000000000000000 FROM n;"
                              "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {1}) "
                              "INSERT INTO certificates (serial, user_name, session_id, not_before, "
                              "not_after, issued_at, revoked_at, "
                              "revocation_reason, revocation_number) "
                              "SELECT '7f' || lower(hex(randomblob(15))), 'bob', 'many-' || (i / 10 + 1), 1, "
                              "9000000000000000, 1, "
                              "1700000000000000 + i, 5, "
                              "(SELECT value + 1 FROM counters WHERE name = 'revocations') FROM n;"
                              "UPDATE counters SET value = value + 1 WHERE name = 'revocations';"
                              "COMMIT;",
                              kRevoked / 10, kRevoked - 1));
}

/// What has come over the connections that the process has to that port (ss(8)).
std::uint64_t bytes_received(pid_t pid, const std::string& port) {
    const ProcessResult sockets = run({"ss", "--no-header", "--tcp", "--info", "--processes", "--numeric",
                                       "--oneline", "state", "established", "dport", "=", ":" + port});
    EXPECT_EQ(sockets.exit_code, 0) << sockets.err;
    static const std::string kField = " bytes_received:";
    std::uint64_t sum = 0;
    std::istringstream lines(sockets.out);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t at = line.find(kField);
        if (line.find(fmt::format("pid={},", pid)) != line.npos && at != line.npos) {
            sum += std::stoull(line.substr(at + kField.size()));
        }
    }
    return sum;
}

class Scale : public testing::Test {
protected:
    static StackOptions options(int echo_port) {
        StackOptions options;
        options.limits =
            "connections_per_service = 10000\nconnections_per_service_and_identity = 10000\n"
            "connections_per_identity_per_minute = 100000\n";
        options.gateway_tables = fmt::format(
            "[[service]]\nname = \"echo\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"tcp\"\n"
            "[[rule]]\nservices = [\"echo\"]\ngroups = [\"analysts\"]\n",
            echo_port);
        return options;
    }

    void SetUp() override {
        ASSERT_EQ(alice_.login().exit_code, 0);
        revoke_many(stack_);
        ASSERT_TRUE(eventually([&] { return lists_taken() >= 1; }, 60s)) << stack_.gateway().err();
    }

    /// Lists of that length that the gateway has taken.
    int lists_taken() {
        const std::string log = stack_.gateway().err();
        int count = 0;
        for (std::size_t at = 0; (at = log.find(fmt::format(" revoked={}", kRevoked), at)) != log.npos;
             ++at) {
            ++count;
        }
        return count;
    }

    /// By the gateway, over the connection that it keeps.
    std::uint64_t from_ca() {
        const std::string url = stack_.ca_url();
        return bytes_received(stack_.gateway().pid(), url.substr(url.rfind(':') + 1));
    }

    EchoServer echo_;
    Stack stack_{options(echo_.port())};
    Laptop alice_{stack_, "alice"};
};

TEST_F(Scale, ARevocationAmongAHundredThousandEndsALivePsqlWithinTwoSeconds) {
    Agent agent(alice_);
    ProcessOptions options;
    options.environment = {{"PGPASSWORD", "alice-password"}};
    Process sleeper({"psql", "-X", "-h", "localhost", "-p", std::to_string(agent.port()), "-U", "alice", "-d",
                     "orders", "-c", "select pg_sleep(600)"},
                    options);
    ASSERT_TRUE(eventually([&] {
        return stack_.postgres().sql(
                   "select count(*) from pg_stat_activity where usename = 'alice' and state = 'active'") !=
               "0";
    }));
    const auto began = steady_clock::now();
    stack_.ca_command({"cert", "revoke", "--user", "alice", "--reason", "key_compromise", "--no-wait"});
    ASSERT_TRUE(sleeper.wait(10s * kTimesSlower));
    const auto took = steady_clock::now() - began;
    RecordProperty("milliseconds", static_cast<int>(took / 1ms));
    fmt::print("from `cert revoke` to the closed psql: {} ms\n", took / 1ms);
    EXPECT_LT(took, 2s * kTimesSlower);
    EXPECT_THAT(sleeper.err(), HasSubstr("revoked"));
}

TEST_F(Scale, AListThatStaysTheSameIsNotFetchedAgain) {
    const std::uint64_t before = from_ca();
    ASSERT_GT(before, kListBytes);
    // The gateway asks every second.
    std::this_thread::sleep_for(5s);
    const std::uint64_t read = from_ca() - before;
    RecordProperty("bytes_a_second", static_cast<int>(read / 5));
    fmt::print("read while nothing changed: {} bytes a second\n", read / 5);
    EXPECT_LT(read, 5 * 4096U);
    const int taken = lists_taken();
    bump(stack_);
    EXPECT_TRUE(eventually([&] { return lists_taken() > taken; }));
    // And what changes costs what it adds, here nothing.
    EXPECT_LT(from_ca() - before, 16 * 4096U);
}

TEST_F(Scale, NobodyWaitsLongWhileANewListComesEverySecond) {
    const int port = free_port();
    Process connect({program("postern"), "connect", "--passthrough", fmt::format("echo:{}", port), "--json"},
                    alice_.options());
    connect.wait_for_out(std::to_string(port));
    const auto open = [&] {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback(port);
        const timeval timeout{20, 0};
        const int on = 1;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
                   ? std::move(fd)
                   : UniqueFd();
    };
    const auto echoes = [](const UniqueFd& fd) {
        char byte = 'x';
        return ::send(fd.get(), &byte, 1, MSG_NOSIGNAL) == 1 && ::recv(fd.get(), &byte, 1, 0) == 1;
    };
    // Beside some hundreds that stand, on both loops, and are judged by each list.
    std::vector<UniqueFd> standing;
    for (int i = 0; i < 300; ++i) {
        standing.push_back(open());
        ASSERT_TRUE(standing.back() && echoes(standing.back())) << i;
    }
    const auto longest = [&](const std::function<bool()>& is_enough) {
        std::vector<steady_clock::duration> waits;
        for (std::size_t i = 0; !is_enough(); i = (i + 1) % standing.size()) {
            const auto asked = steady_clock::now();
            EXPECT_TRUE(echoes(standing[i]));
            waits.push_back(steady_clock::now() - asked);
        }
        std::ranges::sort(waits);
        return std::pair(waits[waits.size() * 999 / 1000], waits.back());
    };
    const auto quiet_end = steady_clock::now() + 4s;
    const auto [usual_p999, usual] = longest([&] { return steady_clock::now() >= quiet_end; });
    const int taken = lists_taken();
    std::atomic<int> came = 0;
    std::atomic<bool> is_over = false;
    std::thread changes([&] {
        while (!is_over) {
            bump(stack_);
            std::this_thread::sleep_for(1s);
            came = lists_taken() - taken;
        }
    });
    const auto start = steady_clock::now();
    const auto [changing_p999, changing] = longest([&] {
        const auto gone = steady_clock::now() - start;
        return gone >= 6s && (came >= 3 || gone >= 60s);
    });
    is_over = true;
    changes.join();
    fmt::print("longest round trip: {} µs (p99.9 {}); while {} lists came: {} µs (p99.9 {})\n", usual / 1us,
               usual_p999 / 1us, came.load(), changing / 1us, changing_p999 / 1us);
    RecordProperty("longest_microseconds", static_cast<int>(changing / 1us));
    EXPECT_GE(came, 3);
    // Reading one the slow way on a loop would take longer than this by itself.
    EXPECT_LT(changing_p999, 100ms * kTimesSlower);
    const UniqueFd newcomer = open();
    EXPECT_TRUE(newcomer && echoes(newcomer));
    for (const UniqueFd& fd : standing) {
        EXPECT_TRUE(echoes(fd));
    }
}

}  // namespace
}  // namespace postern::test
