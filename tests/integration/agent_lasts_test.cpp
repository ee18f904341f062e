// What the agent goes through without losing what people have open, and what it says of it: a runtime folder
// that goes, settings that change, a login that is over, ports that others take.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr auto kTimeout = 60s;

class AgentLasts : public SharedStack {
protected:
    static Laptop laptop_of(const std::string& user, const std::string& name) {
        Laptop made(*stack_, user, name);
        EXPECT_EQ(made.login().exit_code, 0);
        return made;
    }
    static json status(const Laptop& laptop) { return parse_json(laptop.postern({"status", "--json"}).out); }
    static int open_in_background(const Laptop& laptop) {
        const int port = free_port();
        const ProcessResult opened =
            laptop.postern({"connect", fmt::format("orders-db:{}", port), "--background", "--json"});
        EXPECT_EQ(opened.exit_code, 0) << opened.err;
        return port;
    }
    static json step(const ProcessResult& doctor, const std::string& name) {
        const json told = parse_json(doctor.out);
        for (const json& one : told["steps"]) {
            if (one["step"] == name) {
                return one;
            }
        }
        return json::object();
    }
};

TEST_F(AgentLasts, WithoutItsFolderWhichGoesWithTheLastLogoutAndIsFoundThereAgain) {
    const Laptop bob = laptop_of("bob", "-logout");
    const int port = open_in_background(bob);
    const auto agent = status(bob)["agent"]["pid"];
    Process query(
        {"bash", "-c",
         fmt::format("PGPASSWORD=bob-password psql -X -h localhost -p {} -U bob -d orders -Atc \"select "
                     "'begun'\" -c 'select pg_sleep(6)' -c \"select 'whole'\"",
                     port)});
    query.wait_for_out("begun");
    const fs::path run = bob.agent_socket().parent_path().parent_path();
    fs::remove_all(run);
    // A command that comes before the agent is back leaves it the place.
    EXPECT_EQ(bob.postern({"services"}).exit_code, 0);
    EXPECT_EQ(status(bob)["agent"]["pid"], agent);
    EXPECT_EQ(status(bob)["services"][0]["ports"][0]["port"], port);
    EXPECT_EQ(psql(port, "select 'let in'", "bob").out, "let in\n");
    EXPECT_EQ(query.wait(kTimeout), 0) << query.err();
    EXPECT_THAT(query.out(), HasSubstr("whole"));
    EXPECT_TRUE(fs::exists(bob.agent_socket().parent_path() / fmt::format(".s.PGSQL.{}", port)));
}

TEST_F(AgentLasts, AndAnAgentThatEndedWithTheLastLogoutOpensItsPortsAnew) {
    const Laptop bob = laptop_of("bob", "-ended");
    const int port = open_in_background(bob);
    ASSERT_EQ(::kill(status(bob)["agent"]["pid"].get<pid_t>(), SIGTERM), 0);
    EXPECT_TRUE(eventually([&] { return psql(port, "select 1", "bob").exit_code == 2; }, kTimeout));
    fs::remove_all(bob.agent_socket().parent_path().parent_path());
    EXPECT_EQ(bob.postern({"services"}).exit_code, 0);
    EXPECT_EQ(psql(port, "select 'let in'", "bob").out, "let in\n");
}

TEST_F(AgentLasts, AndGoesByItsSettingsAsTheyAreNowWhichDoctorSays) {
    const Laptop bob = laptop_of("bob", "-settings");
    const auto agent = status(bob)["agent"]["pid"];
    fs::create_directories(bob.config());
    const fs::path file = bob.config() / "config.toml";
    std::ofstream(file) << "[network]\nproxy = \"http://127.0.0.1:9\"\n";
    const ProcessResult through_nothing = bob.login();
    EXPECT_EQ(through_nothing.exit_code, 5) << through_nothing.out;
    EXPECT_THAT(through_nothing.err, HasSubstr("the proxy 127.0.0.1:9"));
    EXPECT_THAT(step(bob.postern({"doctor", "--json"}), "agent.settings")["detail"].get<std::string>(),
                HasSubstr("uses the proxy 127.0.0.1:9"));
    fs::remove(file);
    EXPECT_EQ(bob.login().exit_code, 0);
    const ProcessResult mended = bob.postern({"doctor", "--json"});
    EXPECT_THAT(step(mended, "agent.settings")["detail"].get<std::string>(), HasSubstr("uses no proxy"));
    EXPECT_EQ(mended.exit_code, 0) << mended.out;
    EXPECT_EQ(status(bob)["agent"]["pid"], agent) << "it was not started anew";
    // An environment is not a file: it is told.
    ProcessOptions other = bob.options();
    other.environment["HTTPS_PROXY"] = "http://127.0.0.1:9";
    const ProcessResult differs = run({program("postern"), "doctor", "--json"}, other);
    EXPECT_EQ(step(differs, "agent.settings")["state"], "bad") << differs.out;
    EXPECT_THAT(step(differs, "agent.settings")["remedy"].get<std::string>(), HasSubstr("agent --stop"));
}

TEST_F(AgentLasts, AndKeepsTheSettingsThatWereGoodWhereNewOnesCannotBeRead) {
    const Laptop bob = laptop_of("bob", "-broken");
    fs::create_directories(bob.config());
    const fs::path file = bob.config() / "config.toml";
    std::ofstream(file) << "[agent]\nallow_programs = [\"no-such-program\"]\n";
    const int port = open_in_background(bob);
    EXPECT_THAT(psql(port, "select 1", "bob").err, HasSubstr("is not among the programs"));
    std::ofstream(file) << "[agent]\nallow_programs = 7\n";
    EXPECT_THAT(psql(port, "select 1", "bob").err, HasSubstr("is not among the programs"));
    fs::remove(file);
    EXPECT_TRUE(eventually([&] { return psql(port, "select 'let in'", "bob").out == "let in\n"; }, kTimeout));
}

TEST_F(AgentLasts, AndSaysOfALoginThatIsOverTheSameEverywhere) {
    const Laptop carol = laptop_of("carol", "-disabled");
    const int port = open_in_background(carol);
    EXPECT_EQ(status(carol)["logged_in"], true);
    EXPECT_EQ(carol.postern({"status"}).exit_code, 0);
    stack_->ca_command({"user", "disable", "carol"});
    // The agent learns it from whoever is refused.
    EXPECT_TRUE(eventually(
        [&] {
            psql(port, "select 1", "carol");
            return status(carol)["logged_in"] == false;
        },
        kTimeout));
    const json told = status(carol);
    EXPECT_EQ(told["login_state"], "revoked");
    EXPECT_EQ(told["reason"], "user_disabled");
    const ProcessResult text = carol.postern({"status"});
    EXPECT_EQ(text.exit_code, 4) << text.out << text.err;
    EXPECT_THAT(text.out, Not(HasSubstr("valid until")));
    EXPECT_THAT(text.err, HasSubstr("disabled"));
    EXPECT_EQ(carol.postern({"status", "--json"}).exit_code, 4);
    const ProcessResult doctor = carol.postern({"doctor", "--json"});
    EXPECT_EQ(doctor.exit_code, 4);
    EXPECT_EQ(step(doctor, "login")["state"], "bad") << doctor.out;
    stack_->ca_command({"user", "enable", "carol"});
    EXPECT_EQ(carol.login().exit_code, 0);
    EXPECT_EQ(status(carol)["logged_in"], true);
}

TEST_F(AgentLasts, AndTakesTheRefusalOfTheListOfServicesForNews) {
    const Laptop carol = laptop_of("carol", "-list");
    EXPECT_EQ(carol.postern({"services"}).exit_code, 0);
    stack_->ca_command({"user", "disable", "carol"});
    EXPECT_EQ(carol.postern({"services"}).exit_code, 4);
    EXPECT_TRUE(eventually([&] { return status(carol)["reason"] == "user_disabled"; }, kTimeout));
    EXPECT_EQ(carol.postern({"status"}).exit_code, 4);
    stack_->ca_command({"user", "enable", "carol"});
}

TEST_F(AgentLasts, AndLetsAConnectionBeFollowedFromItsOwnLogToTheGatewaysAndTheCas) {
    const Laptop bob = laptop_of("bob", "-followed");
    const int port = open_in_background(bob);
    ASSERT_EQ(psql(port, "select 1", "bob").exit_code, 0);
    const auto events = [&] {
        std::vector<json> list;
        std::istringstream lines(bob.postern({"events", "orders-db", "--json"}).out);
        for (std::string line; std::getline(lines, line);) {
            list.push_back(parse_json(line));
        }
        return list;
    };
    const auto last = [&](const std::string& kind) {
        json found;
        for (const json& event : events()) {
            found = event["kind"] == kind ? event : found;
        }
        return found;
    };
    ASSERT_TRUE(eventually([&] { return !last("closed").is_null(); }, kTimeout));
    const json accepted = last("accepted");
    EXPECT_EQ(accepted["gateway"], "gw1");
    EXPECT_FALSE(accepted.contains("purpose"));
    const std::string id = accepted["connection_id"];
    const ProcessResult followed = bob.postern({"events", "--connection", id});
    EXPECT_EQ(followed.exit_code, 0) << followed.err;
    EXPECT_THAT(followed.out, HasSubstr("postern-audit query"));
    EXPECT_THAT(followed.out, HasSubstr("--connection " + id));
    EXPECT_THAT(followed.out, HasSubstr("--session " + accepted["session"].get<std::string>()));
    const json record = stack_->wait_for_record("connection.closed");
    EXPECT_EQ(record["postern"]["session"]["id"].is_null() ? json() : record["postern"]["session"]["id"],
              accepted["session"]);
    const ProcessResult unknown =
        bob.postern({"events", "--connection", "01a22e24-14a3-7ee3-b742-b439b72b221e"});
    EXPECT_EQ(unknown.exit_code, 1) << unknown.out;

    // What doctor looks at is nobody's access, and what the agent breaks off is told.
    ProcessOptions own = bob.options();
    own.environment["PGPASSWORD"] = "bob-password";
    run({program("postern"), "doctor", "orders-db", "--database", "orders"}, own);
    EXPECT_TRUE(eventually([&] { return last("accepted").value("purpose", "") == "probe"; }, kTimeout));
    const auto claimed = [&] {
        const auto records = stack_->records();
        return std::any_of(records.begin(), records.end(), [](const json& one) {
            return one.value("/postern/claimed/purpose"_json_pointer, "") == "probe";
        });
    };
    EXPECT_TRUE(eventually(claimed, kTimeout));
    Process open(
        {"bash", "-c",
         fmt::format("PGPASSWORD=bob-password psql -X -h localhost -p {} -U bob -d orders -Atc \"select "
                     "'begun'\" -c 'select pg_sleep(60)'",
                     port)});
    open.wait_for_out("begun");
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    EXPECT_TRUE(eventually([&] { return last("closed").value("closed_by", "") == "agent"; }, kTimeout));
}

/// Another user's process on that port.
Process squatter_on(int port) {
    ProcessOptions other;
    other.user = "postgres";
    return Process(
        {"/usr/bin/perl", "-e",
         fmt::format(
             "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => {}, "
             "Listen => 5, ReuseAddr => 1) or die $!; sleep 600",
             port)},
        other);
}

TEST_F(AgentLasts, AndWarnsOfAnotherUserOnThePortOfAService) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may become another user";
    }
    const Laptop bob = laptop_of("bob", "-squatted");
    const int port = open_in_background(bob);
    EXPECT_TRUE(status(bob)["services"][0]["commands"].is_object());
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    const Process squatter = squatter_on(port);
    EXPECT_TRUE(eventually(
        [&] {
            const json service = status(bob)["services"][0];
            return service["error"].is_object() && service["error"]["reason"] == "port_in_use" &&
                   service["commands"].is_null();
        },
        kTimeout))
        << status(bob).dump(2);
    for (const char* command : {"status", "services"}) {
        const ProcessResult told = bob.postern({command});
        EXPECT_THAT(told.out + told.err, HasSubstr("WARNING: another user of this machine")) << command;
    }
    const ProcessResult connect = bob.postern({"connect", "orders-db", "--background"});
    EXPECT_THAT(connect.out + connect.err, HasSubstr("WARNING: another user of this machine"));
    const ProcessResult forced = bob.postern({"connect", fmt::format("orders-db:{}", port), "--background"});
    EXPECT_THAT(forced.err, HasSubstr("WARNING: another user of this machine"));
}

TEST_F(AgentLasts, AndOnThePortOfOneThatIsPassedThrough) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may become another user";
    }
    const Laptop bob = laptop_of("bob", "-passed");
    const int port = free_port();
    ASSERT_EQ(bob.postern({"connect", "--background", "--passthrough", fmt::format("orders-db:{}", port)})
                  .exit_code,
              0);
    EXPECT_EQ(bob.postern({"disconnect", "orders-db"}).exit_code, 0);
    const Process squatter = squatter_on(port);
    EXPECT_TRUE(eventually(
        [&] {
            const json service = status(bob)["services"][0];
            return service["error"].is_object() && service["error"]["reason"] == "port_in_use";
        },
        kTimeout))
        << status(bob).dump(2);
    EXPECT_THAT(bob.postern({"services"}).err, HasSubstr("WARNING: another user of this machine"));
}

}  // namespace
}  // namespace postern::test
