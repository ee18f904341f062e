// The agent by its control socket.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/control_client.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class AgentTest : public testing::Test {
protected:
    static void SetUpTestSuite() { stack_ = std::make_unique<Stack>(); }
    static void TearDownTestSuite() { stack_.reset(); }

    /// An agent of its own for the laptop, in the foreground as a service manager runs it.
    static std::unique_ptr<Process> start(const Laptop& laptop) {
        auto agent = std::make_unique<Process>(std::vector<std::string>{program("postern"), "agent"},
                                               laptop.options());
        EXPECT_TRUE(eventually([&] { return ControlClient(laptop).is_connected(); }, 30s)) << agent->err();
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
    ASSERT_EQ(services.size(), 1U) << json_text(services);
    EXPECT_EQ(services[0]["name"], "orders-db");
    EXPECT_EQ(services[0]["state"], "disconnected");
    const int port = free_port();
    const json service = client.call("connect", {{"service", "orders-db"}, {"port", port}})["result"];
    EXPECT_EQ(service["state"], "connected") << json_text(service);
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
    EXPECT_EQ(agent->wait(30s), 0) << agent->err();
}

TEST_F(AgentTest, SaysWhyAServiceCannotBeReachedAndLogsOutWholly) {
    const Laptop mallory(*stack_, "mallory");
    ASSERT_EQ(mallory.login().exit_code, 0);
    ControlClient client(mallory);
    client.call("subscribe");
    const json opened = client.call("connect", {{"service", "orders-db"}, {"port", free_port()}})["result"];
    EXPECT_EQ(opened["allowed"], false);
    const ProcessResult denied = psql(opened["port"].get<int>(), "select 1", "mallory");
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
    EXPECT_TRUE(eventually([&] { return psql(after, "select 1", "bob").exit_code == 2; }, 30s))
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
    EXPECT_NE(second.wait(30s).value_or(0), 0);
    EXPECT_THAT(second.err(), HasSubstr("runs already"));
    struct stat info {};
    ASSERT_EQ(::stat(carol.agent_socket().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(carol.agent_socket().parent_path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    first->signal(SIGKILL);
    first->wait(30s);
    EXPECT_TRUE(std::filesystem::exists(carol.agent_socket()));
    const auto third = start(carol);
    EXPECT_EQ(ControlClient(carol).call("hello")["result"]["pid"], third->pid());
    // Nobody can find it, until it has put itself there again.
    std::filesystem::remove(carol.agent_socket());
    EXPECT_TRUE(eventually([&] { return ControlClient(carol).is_connected(); }, 30s));
    EXPECT_EQ(ControlClient(carol).call("hello")["result"]["pid"], third->pid());
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
