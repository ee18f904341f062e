// The agent by its control socket, and the commands that are its clients.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/unique_fd.hpp"
#include "support/silent_backend.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

/// A client of the control socket, as the tray is one.
class ControlClient {
public:
    explicit ControlClient(const Laptop& laptop) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        laptop.agent_socket().string().copy(name.sun_path, sizeof name.sun_path - 1);
        is_connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
        const timeval patience{30, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~ControlClient() { ::close(fd_); }
    ControlClient(const ControlClient&) = delete;
    ControlClient& operator=(const ControlClient&) = delete;

    bool is_connected() const { return is_connected_; }

    /// The whole answer.
    json call(const std::string& method, const json& params = json::object()) {
        const int id = ++last_id_;
        const std::string line =
            json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}.dump() + "\n";
        EXPECT_EQ(::send(fd_, line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
        for (;;) {
            const json message = hear();
            if (message.is_null() || message.value("id", 0) == id) {
                return message;
            }
            notifications_.push_back(message);
        }
    }
    /// The next notification of that method for which the claim holds.
    template <class Claim>
    json wait_for(const std::string& method, Claim claim) {
        for (;;) {
            for (std::size_t i = 0; i < notifications_.size(); ++i) {
                if (notifications_[i].value("method", "") == method && claim(notifications_[i]["params"])) {
                    const json found = notifications_[i]["params"];
                    notifications_.erase(notifications_.begin() + static_cast<std::ptrdiff_t>(i));
                    return found;
                }
            }
            const json message = hear();
            if (message.is_null()) {
                ADD_FAILURE() << "no notification " << method;
                return {};
            }
            notifications_.push_back(message);
        }
    }

private:
    json hear() {
        std::string line;
        char byte = 0;
        while (::recv(fd_, &byte, 1, 0) == 1 && byte != '\n') {
            line += byte;
        }
        return line.empty() ? json() : json::parse(line);
    }

    int fd_;
    bool is_connected_ = false;
    int last_id_ = 0;
    std::vector<json> notifications_;
};

class AgentTest : public testing::Test {
protected:
    static void SetUpTestSuite() { stack_ = std::make_unique<Stack>(); }
    static void TearDownTestSuite() { stack_.reset(); }

    /// An agent of its own for the laptop, in the foreground as a service manager runs it.
    static std::unique_ptr<Process> start(const Laptop& laptop) {
        auto agent = std::make_unique<Process>(std::vector<std::string>{program("postern"), "agent"},
                                               laptop.options());
        EXPECT_TRUE(eventually([&] { return ControlClient(laptop).is_connected(); })) << agent->err();
        return agent;
    }
    static json password_of(const std::string& user) {
        return {{"method", "password"},
                {"fields", {{"username", user}, {"password", Stack::password_of(user)}}}};
    }

    static std::unique_ptr<Stack> stack_;
};

std::unique_ptr<Stack> AgentTest::stack_;

TEST_F(AgentTest, TakesAPersonFromNothingToAnOpenDatabase) {
    const Laptop alice(*stack_, "alice");
    const auto agent = start(alice);
    ControlClient client(alice);
    EXPECT_EQ(client.call("hello", {{"client", "test"}, {"version", "1"}})["result"]["protocol"], 1);
    const json nothing = client.call("subscribe")["result"];
    EXPECT_TRUE(nothing["trust"].is_null());
    EXPECT_TRUE(nothing["login"].is_null());
    EXPECT_EQ(nothing["services_known"], false);
    EXPECT_EQ(nothing["attention"]["reason"], "trust_required");
    EXPECT_EQ(client.call("connect", {{"service", "orders-db"}})["error"]["data"]["reason"],
              "login_required");

    const json root = client.call("trust.inspect", {{"ca", stack_->ca_url()}})["result"];
    EXPECT_EQ(root["fingerprint"], stack_->fingerprint());
    const std::string wrong = "sha256:" + std::string(64, '0');
    EXPECT_EQ(client.call("trust.accept",
                          {{"ca", stack_->ca_url()}, {"fingerprint", wrong}})["error"]["data"]["reason"],
              "unknown_issuer");
    const json trust = client.call(
        "trust.accept", {{"ca", stack_->ca_url()}, {"fingerprint", stack_->fingerprint()}})["result"];
    EXPECT_EQ(trust["trust_domain"], "example.org");

    const json methods = client.call("login.methods")["result"]["methods"];
    EXPECT_EQ(methods[0]["id"], "password");
    EXPECT_EQ(methods[0]["fields"][1]["kind"], "secret");
    json bad = password_of("alice");
    bad["fields"]["password"] = "wrong";
    EXPECT_EQ(client.call("login", bad)["error"]["data"]["reason"], "bad_credentials");
    const json login = client.call("login", password_of("alice"))["result"];
    EXPECT_EQ(login["user"], "alice");
    EXPECT_EQ(login["state"], "valid");
    EXPECT_GT(login["remaining_seconds"], 0);
    client.wait_for("login", [](const json& told) { return told.is_object() && told["user"] == "alice"; });

    const json services = client.call("services.refresh")["result"]["services"];
    ASSERT_EQ(services.size(), 1U) << services.dump();
    EXPECT_EQ(services[0]["name"], "orders-db");
    EXPECT_EQ(services[0]["state"], "disconnected");
    const int port = free_port();
    const json service = client.call("connect", {{"service", "orders-db"}, {"port", port}})["result"];
    EXPECT_EQ(service["state"], "connected") << service.dump();
    EXPECT_EQ(service["port"], port);
    EXPECT_THAT(service["commands"]["psql"].get<std::string>(), HasSubstr(std::to_string(port)));
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    const json traffic = client.wait_for("traffic", [](const json& told) {
        return told["services"][0]["bytes_in"] > 0 && told["services"][0]["connections"] == 0;
    });
    EXPECT_EQ(traffic["services"][0]["name"], "orders-db");
    const json accepted =
        client.wait_for("event", [](const json& told) { return told["kind"] == "accepted"; });
    EXPECT_THAT(accepted["program"].get<std::string>(), HasSubstr("psql"));
    const json record = stack_->wait_for_record("connection.accepted");
    EXPECT_THAT(record["postern"]["claimed"]["process"]["executable"].get<std::string>(), HasSubstr("psql"));
    EXPECT_EQ(record["postern"]["claimed"]["process"]["real_user"]["id"], std::to_string(::geteuid()));

    // PostgreSQL's own form of a Unix socket.
    ProcessOptions password;
    password.environment = {{"PGPASSWORD", "alice-password"}};
    EXPECT_EQ(run({"psql", "-X", "-At", "-h", service["socket"].get<std::string>(), "-p",
                   std::to_string(port), "-U", "alice", "-d", "orders", "-c", "select 'let in'"},
                  password)
                  .out,
              "let in\n");

    client.call("disconnect", {{"service", "orders-db"}});
    EXPECT_NE(psql(port, "select 'let in'").exit_code, 0);
    EXPECT_EQ(client.call("connect", {{"service", "orders-db"}})["result"]["port"], port) << "not remembered";
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    EXPECT_EQ(client.call("shutdown")["result"], json::object());
    EXPECT_EQ(agent->wait(10s), 0) << agent->err();
}

TEST_F(AgentTest, SaysWhyAServiceCannotBeReachedAndLogsOutWholly) {
    const Laptop mallory(*stack_, "mallory");
    ASSERT_EQ(mallory.login().exit_code, 0);
    ControlClient client(mallory);
    client.call("subscribe");
    const json opened = client.call("connect", {{"service", "orders-db"}, {"port", free_port()}})["result"];
    EXPECT_EQ(opened["allowed"], false);
    const Outcome denied = psql(opened["port"].get<int>(), "select 1", "mallory");
    EXPECT_THAT(denied.err, HasSubstr("FATAL"));
    const json error = client.wait_for("service", [](const json& told) { return told["state"] == "error"; });
    EXPECT_EQ(error["error"]["reason"], "policy_denied");
    EXPECT_THAT(mallory.postern({"status"}).out, HasSubstr("hint:"));
    const json events = client.call("events", {{"service", "orders-db"}, {"limit", 5}})["result"]["events"];
    EXPECT_EQ(events[0]["kind"], "refused");
    EXPECT_EQ(events[0]["reason"], "policy_denied");
    EXPECT_EQ(mallory.postern({"logout"}).exit_code, 0);
    client.wait_for("attention", [](const json& told) {
        return told["attention"].is_object() && told["attention"]["reason"] == "login_required";
    });
    EXPECT_FALSE(std::filesystem::exists(mallory.key()));
}

TEST_F(AgentTest, TellsWhetherAGatewayHasToldWhichServicesThereAre) {
    const Laptop alice(*stack_, "alice", "-offers");
    ASSERT_EQ(alice.login().exit_code, 0);
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    stack_->kill_gateway();
    const auto agent = start(alice);
    ControlClient client(alice);
    const json before = client.call("subscribe")["result"];
    EXPECT_EQ(before["services_known"], false);
    EXPECT_TRUE(before["services_error"].is_null());
    client.wait_for("services", [](const json& told) {
        return told["services_known"] == false && told["services_error"].is_object() &&
               told["services_error"]["reason"] == "unreachable";
    });
    stack_->start_gateway();
    const json known =
        client.wait_for("services", [](const json& told) { return told["services_known"] == true; });
    EXPECT_TRUE(known["services_error"].is_null());
    EXPECT_EQ(known["services"][0]["name"], "orders-db");
}

TEST_F(AgentTest, PortsOfABackgroundConnectOutliveTheCommandAndOthersDoNot) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int kept = free_port();
    const Outcome background =
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
    const json status = json::parse(bob.postern({"status", "--json"}).out);
    EXPECT_EQ(status["services"][0]["ports"].size(), 1U);
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_EQ(psql(kept, "select 1", "bob").exit_code, 2);
}

TEST_F(AgentTest, ClosingOneServiceLeavesTheOthersOfTheSameCommandOpen) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int kept = free_port();
    Process connect({program("postern"), "connect", fmt::format("orders-db:{}", kept), "--passthrough",
                     "nobody-db:0"},
                    bob.options());
    ASSERT_TRUE(eventually([&] { return psql(kept, "select 'let in'", "bob").out == "let in\n"; }));
    EXPECT_EQ(bob.postern({"disconnect", "nobody-db"}).exit_code, 0);
    connect.wait_for_err("is closed");
    EXPECT_EQ(psql(kept, "select 'let in'", "bob").out, "let in\n");
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_EQ(connect.wait(5s), 0) << connect.err();
}

TEST_F(AgentTest, ClosingAPortEndsWhatGoesThroughItWhetherOrNotItIsRead) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const int port = free_port();
    ASSERT_EQ(bob.postern({"connect", fmt::format("orders-db:{}", port), "--background"}).exit_code, 0);
    // A result that stands before a pager.
    Process reader(
        {"bash", "-c",
         // Both end with the shell.
         fmt::format("PGPASSWORD=bob-password setpriv --pdeathsig KILL psql -X -h localhost -p {} -U bob -d orders -c \"copy (select "
                     "repeat('x', 1000) from generate_series(1, 100000)) to stdout\" | setpriv --pdeathsig KILL sleep 60",
                     port)});
    const auto bytes = [&] {
        const json status = json::parse(bob.postern({"status", "--json"}).out);
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
    EXPECT_TRUE(eventually([&] { return closed() == closed_before + 1; }, 5s));
}

TEST_F(AgentTest, ARefusedPortLeavesTheOldOneOpenAndRemembered) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    const auto agent = start(bob);
    ControlClient client(bob);
    const int others = free_port();
    const int own = free_port();
    // By its name the first in the book.
    client.call("connect", {{"service", "archive-db"}, {"port", others}, {"mode", "passthrough"}});
    client.call("disconnect", {{"service", "archive-db"}});
    client.call("connect", {{"service", "orders-db"}, {"port", own}});
    const json refused = client.call("port.set", {{"service", "orders-db"}, {"port", others}});
    EXPECT_EQ(refused["error"]["data"]["reason"], "port_in_use") << refused;
    EXPECT_EQ(psql(own, "select 'let in'", "bob").out, "let in\n");
    EXPECT_EQ(psql(others, "select 1", "bob").exit_code, 2);
    // What is no port closes none.
    const json nonsense = client.call("disconnect", {{"service", "orders-db"}, {"port", 65536}});
    EXPECT_TRUE(nonsense.contains("error")) << nonsense;
    EXPECT_EQ(psql(own, "select 'let in'", "bob").out, "let in\n");
    client.call("disconnect", {{"service", "orders-db"}});
    EXPECT_EQ(client.call("connect", {{"service", "orders-db"}})["result"]["port"], own);
}

TEST_F(AgentTest, APortThatMovesIsHeldByWhoeverHeldIt) {
    const Laptop bob(*stack_, "bob", "moving");
    ASSERT_EQ(bob.login().exit_code, 0);
    const auto agent = start(bob);
    ControlClient tray(bob);
    const int before = free_port();
    const int after = free_port();
    {
        ControlClient command(bob);
        command.call("connect", {{"service", "orders-db"}, {"port", before}, {"hold", true}});
        tray.call("port.set", {{"service", "orders-db"}, {"port", after}});
        EXPECT_EQ(psql(after, "select 'let in'", "bob").out, "let in\n");
        EXPECT_EQ(psql(before, "select 1", "bob").exit_code, 2);
    }
    EXPECT_TRUE(eventually([&] { return psql(after, "select 1", "bob").exit_code == 2; }))
        << "nobody holds it";
    // One that stays open does so where it moves.
    tray.call("connect", {{"service", "orders-db"}, {"port", before}});
    tray.call("port.set", {{"service", "orders-db"}, {"port", after}});
    EXPECT_EQ(psql(after, "select 'let in'", "bob").out, "let in\n");
}

TEST_F(AgentTest, IsOneForAUserAndTakesOverWhatADeadOneLeft) {
    const Laptop carol(*stack_, "carol");
    auto first = start(carol);
    Process second({program("postern"), "agent"}, carol.options());
    EXPECT_NE(second.wait(10s).value_or(0), 0);
    EXPECT_THAT(second.err(), HasSubstr("runs already"));
    struct stat info {};
    ASSERT_EQ(::stat(carol.agent_socket().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(carol.agent_socket().parent_path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    first->signal(SIGKILL);
    first->wait(5s);
    EXPECT_TRUE(std::filesystem::exists(carol.agent_socket()));
    const auto third = start(carol);
    EXPECT_EQ(ControlClient(carol).call("hello")["result"]["pid"], third->pid());
    // Nobody can find it, until it has put itself there again.
    std::filesystem::remove(carol.agent_socket());
    EXPECT_TRUE(eventually([&] { return ControlClient(carol).is_connected(); }, 30s));
    EXPECT_EQ(ControlClient(carol).call("hello")["result"]["pid"], third->pid());
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
        const timeval patience{10, 0};
        ::setsockopt(listening_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        thread_ = std::thread([this, clients] {
            for (int i = 0; i < clients; ++i) {
                const UniqueFd client(::accept(listening_.get(), nullptr, nullptr));
            }
            listening_ = UniqueFd();
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

TEST_F(AgentTest, ACommandThatReachedADyingOneStartsAnother) {
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
    const Outcome given_up = carol.postern({"connect", "orders-db", "--cert", files[1], "--key", files[3]});
    EXPECT_NE(given_up.exit_code, 0);
    EXPECT_THAT(given_up.err, HasSubstr("the agent has ended"));
}

TEST_F(AgentTest, LetsInOnlyTheProgramsThatAreAllowed) {
    const Laptop carol(*stack_, "carol");
    ASSERT_EQ(carol.login().exit_code, 0);
    ASSERT_EQ(ControlClient(carol).call("shutdown")["result"], json::object());
    const std::filesystem::path config = carol.config() / "config.toml";
    std::filesystem::create_directories(config.parent_path());
    std::ofstream(config) << "[agent]\nallow_programs = [\"pg_dump\"]\n";
    {
        const Agent agent(carol);
        const Outcome refused = psql(agent.port(), "select 1", "carol");
        EXPECT_NE(refused.exit_code, 0);
        const json events = ControlClient(carol).call("events", {{"limit", 1}})["result"]["events"];
        EXPECT_THAT(events.dump(), HasSubstr("allow_programs"));
        const std::string dump = fmt::format(
            "PGPASSWORD=carol-password exec pg_dump -h localhost -p {} -U carol -s -t nothing* orders",
            agent.port());
        const Outcome let_in = run({"bash", "-c", dump});
        EXPECT_THAT(let_in.err, testing::Not(HasSubstr("connection"))) << let_in.err;
        ControlClient(carol).call("shutdown");
    }
    std::filesystem::remove(config);
}

TEST_F(AgentTest, RunsPsqlAsTheFirstCommandEver) {
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
    const Outcome nobody = psql({"--non-interactive"});
    EXPECT_EQ(nobody.exit_code, 4) << nobody.err;
    EXPECT_THAT(nobody.err, HasSubstr("postern login"));
    const Outcome outcome = psql({"--non-interactive", "--password-file", password});
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
    // Not with somebody else's login.
    const Outcome another = psql({"--non-interactive", "--user", "bob"});
    EXPECT_EQ(another.exit_code, 4) << another.out;
    EXPECT_THAT(another.err, HasSubstr("bob is not logged in"));
    const Outcome ran = erin.postern({"run", "orders-db", "--", "sh", "-c", "echo $PGHOST $PGUSER"});
    EXPECT_EQ(ran.out, erin.agent_socket().parent_path().string() + " alice\n") << ran.err;
    const Outcome by_tcp =
        erin.postern({"run", "--tcp", "orders-db", "--", "sh", "-c", "echo $PGHOST $PGHOSTADDR"});
    EXPECT_EQ(by_tcp.out, "localhost 127.0.0.1\n") << by_tcp.err;
    const Outcome well = erin.postern({"doctor", "orders-db", "--database", "orders", "--json"});
    EXPECT_EQ(well.exit_code, 0) << well.out << well.err;
    const Outcome waited = erin.postern({"wait", "orders-db", "--timeout", "1s"});
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
    const Outcome ill = erin.postern({"doctor", "no-such-db"});
    EXPECT_EQ(ill.exit_code, 4) << ill.out;
    EXPECT_THAT(ill.out, HasSubstr("the CA lists no service no-such-db"));
}

TEST_F(AgentTest, WaitKeepsItsTimeoutWhileAGatewayIsSilent) {
    const SilentBackend silent;
    const Laptop alice(*stack_, "alice", "waiting");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice, {"--cert", alice.certificate(), "--key", alice.key(), "--gateway",
                              fmt::format("gw1=127.0.0.1:{}", silent.port())});
    const auto began = std::chrono::steady_clock::now();
    const Outcome waited = alice.postern({"wait", "orders-db", "--timeout", "1s"});
    EXPECT_NE(waited.exit_code, 0);
    EXPECT_THAT(waited.err, HasSubstr("not ready after 1s"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 6s) << "the gateway has ten";
}

TEST_F(AgentTest, RefusesAnotherUser) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may become another user";
    }
    const Laptop dave(*stack_, "dave");
    const auto agent = start(dave);
    // The files' modes alone would keep nobody out who gets hold of the socket.
    const auto open_to_all = [](const std::filesystem::path& path) {
        std::filesystem::permissions(path, std::filesystem::perms::all);
    };
    open_to_all(dave.agent_socket());
    open_to_all(dave.agent_socket().parent_path());
    open_to_all(dave.agent_socket().parent_path().parent_path());
    const std::string script = fmt::format(
        "use IO::Socket::UNIX; $SIG{{PIPE}} = 'IGNORE'; my $s = IO::Socket::UNIX->new(Peer => '{}') or die "
        "'cannot connect'; "
        "print $s '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}}', \"\\n\"; $s->flush; "
        "my $line = <$s>; print defined $line ? 'answered' : 'closed';",
        dave.agent_socket().string());
    ProcessOptions other;
    other.user = "postgres";
    EXPECT_EQ(run({"/usr/bin/perl", "-e", script}, other).out, "closed");
    EXPECT_EQ(run({"/usr/bin/perl", "-e", script}).out, "answered");
    EXPECT_EQ(ControlClient(dave).call("hello")["result"]["protocol"], 1);
}

}  // namespace
}  // namespace postern::test
