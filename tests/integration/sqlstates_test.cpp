// What clients do with a refusal (docs/sqlstates.md): pg_isready, libpq and pgjdbc, each asked itself; and
// what people are told of a gateway or a CA service that closes before TLS is up.
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kDial = R"(
import java.sql.*;
public class Dial {
    public static void main(String[] arguments) {
        try (Connection connection = DriverManager.getConnection(arguments[0]);
             ResultSet rows = connection.createStatement().executeQuery("select current_user")) {
            rows.next();
            System.out.println("in as " + rows.getString(1));
        } catch (SQLException error) {
            System.out.println(error.getSQLState() + " " + error.getMessage());
        }
    }
}
)";

/// Who listens where the gateway or the CA service should: closes each connection at once, as a load balancer
/// with nothing behind it does, or answers in HTTP.
constexpr const char* kImpostor = R"(
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    peer = listener.accept()[0]
    if sys.argv[2] == "http":
        peer.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(4096):
            pass
    peer.close()
)";

Process impostor(int port, const std::string& does) {
    Process process({"python3", "-c", kImpostor, std::to_string(port), does});
    process.wait_for_out("listening");
    return process;
}

class Sqlstates : public testing::Test {
protected:
    void SetUp() override {
        StackOptions options;
        options.gateway_tables =
            "[[service]]\nname = \"down-db\"\nbackend = \"127.0.0.1:1\"\n"
            "[[service]]\nname = \"denied-db\"\nbackend = \"127.0.0.1:1\"\n"
            "[[rule]]\nservices = [\"down-db\"]\nusers = [\"alice\"]\n"
            "[[rule]]\nservices = [\"denied-db\"]\nusers = [\"mallory\"]\n";
        stack_ = std::make_unique<Stack>(options);
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        const ProcessResult login = alice_->login();
        ASSERT_EQ(login.exit_code, 0) << login.err;
        agent_ = std::make_unique<Process>(
            std::vector<std::string>{program("postern"), "connect", fmt::format("orders-db:{}", orders_),
                                     fmt::format("down-db:{}", down_), fmt::format("denied-db:{}", denied_),
                                     "--json"},
            alice_->options());
        for (const int port : {orders_, down_, denied_}) {
            agent_->wait_for_out(std::to_string(port));
        }
    }

    static ProcessResult is_ready(int port) {
        return run(
            {"pg_isready", "-h", "localhost", "-p", std::to_string(port), "-U", "alice", "-d", "orders"});
    }
    static ProcessResult through_hosts(int first, int second) {
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", "alice-password"}};
        return run(
            {"psql", "-X", "-Atc", "select 'let in'",
             fmt::format("host=localhost,localhost port={},{} user=alice dbname=orders", first, second)},
            options);
    }
    std::string jdbc(const std::string& hosts) const {
        const fs::path folder = stack_->folder() / "jdbc";
        if (!fs::exists(folder / "Dial.class")) {
            fs::create_directories(folder);
            std::ofstream(folder / "Dial.java") << kDial;
            const ProcessResult compiled =
                run({"ecj", "-11", "-proc:none", "-d", folder.string(), (folder / "Dial.java").string()});
            EXPECT_EQ(compiled.exit_code, 0) << compiled.err;
        }
        const ProcessResult ran =
            run({"java", "-cp", folder.string() + ":/usr/share/java/postgresql.jar", "Dial",
                 fmt::format("jdbc:postgresql://{}/orders?user=alice&password=alice-password", hosts)});
        return ran.out + ran.err;
    }
    std::size_t rejected(const std::string& reason) const {
        std::size_t count = 0;
        for (const auto& record : stack_->records()) {
            count += record["event"].value("action", "") == "connection.rejected" &&
                             record["event"].value("reason", "") == reason
                         ? 1
                         : 0;
        }
        return count;
    }
    static std::string at(int port) { return fmt::format("localhost:{}", port); }

    const int orders_ = free_port();
    const int down_ = free_port();
    const int denied_ = free_port();
    std::unique_ptr<Stack> stack_;
    std::unique_ptr<Laptop> alice_;
    std::unique_ptr<Process> agent_;
};

TEST_F(Sqlstates, PgIsReadySaysWhatIsTrue) {
    EXPECT_EQ(is_ready(orders_).exit_code, 0) << is_ready(orders_).out;
    EXPECT_EQ(is_ready(down_).exit_code, 1) << is_ready(down_).out;
    EXPECT_THAT(is_ready(down_).out, HasSubstr("rejecting connections"));
    EXPECT_EQ(is_ready(denied_).exit_code, 0) << "the port is in order, the person is not";
    ASSERT_EQ(alice_->postern({"logout"}).exit_code, 0);
    EXPECT_EQ(is_ready(orders_).exit_code, 1) << "nobody is logged in: " << is_ready(orders_).out;
    ASSERT_EQ(alice_->login().exit_code, 0);
    EXPECT_EQ(is_ready(orders_).exit_code, 0);
    stack_->kill_gateway();
    EXPECT_TRUE(eventually([&] { return is_ready(orders_).exit_code == 1; })) << is_ready(orders_).out;
}

TEST_F(Sqlstates, LibpqGoesOnToItsNextHostAndStopsAtAVerdict) {
    const ProcessResult next = through_hosts(down_, orders_);
    EXPECT_EQ(next.out, "let in\n") << next.err;
    const ProcessResult stopped = through_hosts(denied_, orders_);
    EXPECT_NE(stopped.exit_code, 0);
    EXPECT_THAT(stopped.err, HasSubstr("may not use denied-db"));
    EXPECT_EQ(stopped.out, "");
}

TEST_F(Sqlstates, JdbcGoesOnToItsNextHostAndAsksAVerdictOnce) {
    EXPECT_THAT(jdbc(at(down_) + "," + at(orders_)), HasSubstr("in as alice"));
    EXPECT_THAT(jdbc(at(down_)), HasSubstr("57P03 FATAL"));
    EXPECT_THAT(jdbc(at(denied_)), HasSubstr("42501 FATAL"));
    EXPECT_EQ(rejected("policy_denied"), 1U);
}

TEST_F(Sqlstates, JdbcAsksOnceWhereTheUserIsDisabled) {
    stack_->ca_command({"user", "disable", "alice"});
    std::string told;
    ASSERT_TRUE(eventually(
        [&] {
            told = jdbc(at(orders_));
            return told.find("disabled") != told.npos;
        },
        std::chrono::seconds(60)))
        << told;
    EXPECT_THAT(told, HasSubstr("42501 FATAL"));
    EXPECT_LE(rejected("user_disabled"), 1U) << "a second attempt without TLS would have a record of its own";
}

TEST_F(Sqlstates, AGatewayThatClosesBeforeTlsIsUpIsNotCalledUntrustworthy) {
    stack_->kill_gateway();
    {
        const Process closes = impostor(stack_->gateway_port(), "close");
        const ProcessResult told = psql(orders_, "select 1");
        EXPECT_THAT(told.err, HasSubstr("FATAL"));
        EXPECT_THAT(told.err, Not(HasSubstr("trusted"))) << told.err;
        EXPECT_THAT(told.err, HasSubstr("closed the connection"));
        EXPECT_EQ(is_ready(orders_).exit_code, 1);
    }
    const Process speaks = impostor(stack_->gateway_port(), "http");
    const ProcessResult told = psql(orders_, "select 1");
    EXPECT_THAT(told.err, Not(HasSubstr("trusted"))) << told.err;
    EXPECT_THAT(told.err, HasSubstr("does not speak TLS"));
}

TEST_F(Sqlstates, ACaThatClosesBeforeTlsIsUpIsNotCalledUntrustworthy) {
    stack_->kill_ca();
    const std::string url = stack_->ca_url();
    const int port = std::stoi(url.substr(url.rfind(':') + 1));
    for (const std::string does : {"close", "http"}) {
        const Process peer = impostor(port, does);
        const ProcessResult told = alice_->login();
        EXPECT_EQ(told.exit_code, 5) << told.err;
        EXPECT_THAT(told.err, Not(HasSubstr("trusted")));
        EXPECT_THAT(told.err, HasSubstr(does == "close" ? "closed the connection" : "does not speak TLS"));
    }
}

// Its own exhaustion is the agent's, not the network's; and its log says so once, not at each try.
TEST_F(Sqlstates, AnAgentWithoutDescriptorsTellsOfItself) {
    const Laptop laptop(*stack_, "alice", "few");
    Process agent({"sh", "-c", fmt::format("ulimit -n 64; exec {} agent", program("postern").string())},
                  laptop.options());
    ASSERT_TRUE(eventually([&] { return fs::exists(laptop.agent_socket()); }, std::chrono::seconds(30)));
    const ProcessResult login = laptop.login();
    ASSERT_EQ(login.exit_code, 0) << login.err;
    const int port = free_port();
    const ProcessResult opened =
        laptop.postern({"connect", "--background", fmt::format("orders-db:{}", port)});
    ASSERT_EQ(opened.exit_code, 0) << opened.err;
    ProcessOptions options;
    options.environment = {{"PGPASSWORD", "alice-password"}};
    std::vector<Process> sessions;
    for (int i = 0; i < 40; ++i) {
        sessions.emplace_back(
            std::vector<std::string>{"psql", "-X", "-h", "localhost", "-p", std::to_string(port), "-U",
                                     "alice", "-d", "orders", "-Atc", "select pg_sleep(3)"},
            options);
    }
    std::string told;
    for (auto& session : sessions) {
        session.wait(std::chrono::seconds(60));
        told += session.err();
    }
    EXPECT_THAT(told, HasSubstr("no file descriptors left (its limit is 64)"));
    EXPECT_THAT(told, HasSubstr("ulimit -n"));
    EXPECT_THAT(told, Not(HasSubstr("cannot be reached")));
    const std::string log = agent.err();
    const auto first = log.find("accept.paused");
    EXPECT_EQ(log.find("accept.paused", first == log.npos ? first : first + 1), log.npos) << log;
    EXPECT_EQ(laptop.postern({"agent", "--stop"}).exit_code, 0);
}

/// How often the text holds it.
std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) {
        ++count;
    }
    return count;
}

// The gateway sees to it that its bounds fit its descriptors; what takes them all the same is its own trouble.
TEST_F(Sqlstates, AGatewayWithoutDescriptorsTellsOfItselfOnceAndServesWhenItHasThem) {
    ASSERT_EQ(psql(orders_, "select 1").exit_code, 0);
    const pid_t gateway = stack_->gateway().pid();
    rlimit before{};
    ASSERT_EQ(::prlimit(gateway, RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit none{8, before.rlim_max};
    ASSERT_EQ(::prlimit(gateway, RLIMIT_NOFILE, &none, nullptr), 0);
    // On the agent's warm connections, which are let in without one more; then nobody reaches it.
    std::string told;
    ASSERT_TRUE(eventually([&] {
        told += psql(orders_, "select 1").err;
        return told.find("no file descriptors") != told.npos &&
               stack_->gateway().err().find("event=accept.paused") != std::string::npos;
    }));
    EXPECT_THAT(told, HasSubstr("the gateway's machine has no file descriptors or memory left"));
    const auto record = stack_->wait_for_record("connection.rejected", "out_of_resources");
    EXPECT_EQ(record["postern"]["stage"], "limit");
    // Whoever knocks meanwhile is not written down twenty times a second.
    for (int i = 0; i < 5; ++i) {
        psql(orders_, "select 1");
    }
    EXPECT_EQ(count_of(stack_->gateway().err(), "event=accept.paused"), 1U) << stack_->gateway().err();
    ASSERT_EQ(::prlimit(gateway, RLIMIT_NOFILE, &before, nullptr), 0);
    EXPECT_TRUE(eventually([&] { return psql(orders_, "select 1").exit_code == 0; }));
}

}  // namespace
}  // namespace postern::test
