// Whose word decides how a service is opened: the CA's, or a person's. A gateway that says otherwise, because
// somebody has broken into it, gets nothing of what should be end to end.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/echo_server.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kContradiction =
    "the gateway gw1 says that ledger is not PostgreSQL, and the CA says that it is PostgreSQL";

/// The gateway says of "ledger" that it is no PostgreSQL; the CA says that it is. "hidden" the CA does not
/// list; "files" both say to be no PostgreSQL.
class WordOfAGateway : public testing::Test {
protected:
    static void SetUpTestSuite() {
        StackOptions options;
        options.lists_services = false;
        options.ca_tables =
            "[[service]]\nname = \"ledger\"\n[[service]]\nname = \"files\"\nprotocol = \"tcp\"\n";
        echo_ = std::make_unique<EchoServer>();
        for (const char* name : {"ledger", "hidden", "files", "later"}) {
            options.gateway_tables += fmt::format(
                "[[service]]\nname = \"{}\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"tcp\"\n"
                "description = \"a\u202eb\"\n",
                name, echo_->port());
        }
        options.gateway_tables +=
            "[[rule]]\nservices = [\"ledger\", \"hidden\", \"files\", \"later\"]\ngroups = [\"analysts\"]\n";
        stack_ = std::make_unique<Stack>(options);
    }
    static void TearDownTestSuite() {
        stack_.reset();
        echo_.reset();
    }
    /// A new laptop each time, whose agent ends with the case.
    struct Desk {
        explicit Desk(const std::string& name) : laptop(*stack_, "alice", name) {
            EXPECT_EQ(laptop.login().exit_code, 0);
        }
        ~Desk() { laptop.postern({"agent", "--stop"}); }
        Desk(const Desk&) = delete;
        Desk& operator=(const Desk&) = delete;
        Laptop laptop;
    };
    static std::string ports_of(const Laptop& laptop, const std::string& service) {
        const auto told = parse_json(laptop.postern({"status", "--json"}).out);
        for (const auto& one : told.at("services")) {
            if (one.at("name") == service) {
                return one.at("ports").dump();
            }
        }
        return "[]";
    }

    static inline std::unique_ptr<EchoServer> echo_;
    static inline std::unique_ptr<Stack> stack_;
};

TEST_F(WordOfAGateway, OpensNothingWhereItContradictsTheCa) {
    const Desk desk("w1");
    const std::vector<std::vector<std::string>> commands{{"connect", "ledger", "--background"},
                                                         {"connect", "ledger"},
                                                         {"psql", "ledger"},
                                                         {"run", "ledger", "--", "true"}};
    for (const auto& command : commands) {
        const ProcessResult refused = desk.laptop.postern(command);
        EXPECT_EQ(refused.exit_code, 4) << command.front();
        EXPECT_THAT(refused.err, HasSubstr(kContradiction)) << command.front();
        EXPECT_THAT(refused.err, HasSubstr("hint: Nothing was opened. Tell the administrator"))
            << command.front();
    }
    const ProcessResult doctor = desk.laptop.postern({"doctor", "ledger"});
    EXPECT_EQ(doctor.exit_code, 4) << doctor.out;
    EXPECT_THAT(doctor.out, HasSubstr(kContradiction));
    EXPECT_EQ(desk.laptop.postern({"wait", "ledger", "--timeout", "0s"}).exit_code, 1) << "no port is open";
    EXPECT_EQ(ports_of(desk.laptop, "ledger"), "[]");
    EXPECT_THAT(desk.laptop.postern({"services"}).out,
                testing::ContainsRegex("ledger +postgres +end_to_end +error"));
}

TEST_F(WordOfAGateway, OpensWhatThePersonHasPassedThroughAndWhatTheCaSays) {
    const Desk desk("w2");
    const ProcessResult passed = desk.laptop.postern({"connect", "--background", "--passthrough", "ledger"});
    EXPECT_EQ(passed.exit_code, 0) << passed.err;
    EXPECT_THAT(ports_of(desk.laptop, "ledger"), HasSubstr("\"mode\":\"passthrough\""));
    const ProcessResult files = desk.laptop.postern({"connect", "--background", "files"});
    EXPECT_EQ(files.exit_code, 0) << files.err;
    EXPECT_THAT(ports_of(desk.laptop, "files"), HasSubstr("\"mode\":\"passthrough\""));
    const ProcessResult orders = desk.laptop.postern({"connect", "--background", "orders-db"});
    EXPECT_EQ(orders.exit_code, 0) << "listed by its certificate alone: " << orders.err;
    EXPECT_THAT(ports_of(desk.laptop, "orders-db"), HasSubstr("\"mode\":\"end_to_end\""));
    EXPECT_EQ(desk.laptop.postern({"wait", "files", "--timeout", "5s"}).exit_code, 0);
}

TEST_F(WordOfAGateway, DoesNotOpenWhatTheCaDoesNotList) {
    const Desk desk("w3");
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"connect", "hidden", "--background"}, {"psql", "hidden"}, {"doctor", "hidden"}}) {
        const ProcessResult refused = desk.laptop.postern(command);
        EXPECT_EQ(refused.exit_code, 4) << command.front();
        EXPECT_THAT(refused.out + refused.err, HasSubstr("the CA lists no service hidden"))
            << command.front();
        EXPECT_THAT(refused.out + refused.err, HasSubstr("postern connect --passthrough hidden"));
    }
    EXPECT_EQ(ports_of(desk.laptop, "hidden"), "[]");
    EXPECT_THAT(desk.laptop.postern({"services"}).out,
                HasSubstr("not listed by the CA: opens with --passthrough only"));
    EXPECT_EQ(desk.laptop.postern({"connect", "--background", "--passthrough", "hidden"}).exit_code, 0);
}

TEST_F(WordOfAGateway, DoesNotCountAtTheStartEither) {
    const Desk desk("w4");
    std::ofstream(desk.laptop.state() / "settings.json")
        << R"({"connect_at_start":["files","hidden","orders-db"],"favourites":[]})";
    // As an agent of before wrote it, that believed the gateway.
    const auto kept = desk.laptop.state() / "kept-ports.json";
    std::string boot = content_of("/proc/sys/kernel/random/boot_id");
    boot.erase(boot.find_last_not_of('\n') + 1);
    ASSERT_EQ(desk.laptop.postern({"agent", "--stop"}).exit_code, 0);
    std::ofstream(kept) << fmt::format(
        R"({{"boot":"{}","ports":[{{"service":"ledger","mode":"passthrough","postgres":false,"port":{},"unsafe_any_local_user":false}},)"
        R"({{"service":"later","mode":"passthrough","postgres":false,"port":{},"unsafe_any_local_user":false,"wanted_so":true}}]}})",
        boot, free_port(), free_port());
    EXPECT_EQ(desk.laptop.postern({"services"}).exit_code, 0) << "starts an agent";
    EXPECT_TRUE(eventually([&] { return ports_of(desk.laptop, "orders-db") != "[]"; }));
    EXPECT_THAT(ports_of(desk.laptop, "orders-db"), HasSubstr("\"mode\":\"end_to_end\""));
    EXPECT_THAT(ports_of(desk.laptop, "files"), HasSubstr("\"mode\":\"passthrough\"")) << "the CA's word";
    EXPECT_EQ(ports_of(desk.laptop, "hidden"), "[]");
    EXPECT_THAT(ports_of(desk.laptop, "ledger"), Not(HasSubstr("\"mode\":\"passthrough\"")));
    EXPECT_THAT(ports_of(desk.laptop, "later"), HasSubstr("\"mode\":\"passthrough\"")) << "a person's word";
    EXPECT_THAT(desk.laptop.postern({"status"}).out, HasSubstr("the CA lists no service hidden"));
    // It was opened before a gateway was asked, and stays as the CA says; that one lies is told all the same.
    EXPECT_THAT(ports_of(desk.laptop, "ledger"), HasSubstr("\"mode\":\"end_to_end\""));
    const auto told = [&] { return desk.laptop.postern({"events", "ledger"}).out; };
    EXPECT_TRUE(eventually([&] { return told().find(kContradiction) != std::string::npos; }, 30s));
    EXPECT_THAT(told(), HasSubstr("hint: Its port stays open, end to end. Tell the administrator"));
}

TEST_F(WordOfAGateway, IsAskedOfTheCaOnceMoreWhereTheServiceIsNew) {
    const Desk desk("w5");
    std::ofstream(stack_->ca_folder() / "ca.toml", std::ios::app)
        << "[[service]]\nname = \"later\"\nprotocol = \"tcp\"\n";
    stack_->ca().signal(SIGHUP);
    stack_->ca().wait_for_err("event=config.reloaded");
    const ProcessResult opened = desk.laptop.postern({"connect", "--background", "later"});
    EXPECT_EQ(opened.exit_code, 0) << opened.err;
    EXPECT_THAT(stack_->ca_command({"check-config"}), HasSubstr("later"));
}

TEST_F(WordOfAGateway, IsShownWithoutWhatTurnsALineRound) {
    const Desk desk("w6");
    EXPECT_THAT(desk.laptop.postern({"services"}).out, HasSubstr("a\\u202eb"));
    const std::string told = desk.laptop.postern({"services", "--json"}).out;
    EXPECT_THAT(told, Not(HasSubstr("\u202e")));
    EXPECT_THAT(parse_json(told).dump(), HasSubstr("\u202e")) << "the value is as it was";
}

TEST_F(WordOfAGateway, IsComparedWithTheCasByCheckConfig) {
    ProcessOptions listed;
    listed.input = stack_->ca_command({"check-config", "--json"});
    const std::vector<std::string> command{program("postern-gateway"), "check-config", "--config",
                                           stack_->gateway_config(),   "--ca-list",    "-"};
    const ProcessResult compared = run(command, listed);
    EXPECT_EQ(compared.exit_code, 3);
    EXPECT_THAT(compared.err,
                HasSubstr("ledger is \"tcp\" here and \"postgres\" at the CA: desktops refuse it"));
    EXPECT_THAT(compared.err, HasSubstr("the CA does not list hidden"));
    EXPECT_THAT(compared.err, HasSubstr("[[service]] name = \"hidden\", protocol = \"tcp\""));
    EXPECT_THAT(compared.err, Not(HasSubstr("orders-db")));
    EXPECT_THAT(compared.err, Not(HasSubstr("files")));
    ProcessOptions good;
    good.input = R"({"services":[{"name":"orders-db","protocol":"postgres","mode":"end_to_end"})";
    for (const char* name : {"ledger", "hidden", "files", "later"}) {
        good.input += fmt::format(R"(,{{"name":"{}","protocol":"tcp","mode":"passthrough"}})", name);
    }
    good.input += "]}";
    const ProcessResult same = run(command, good);
    EXPECT_EQ(same.exit_code, 0) << same.err;
    EXPECT_THAT(same.out, HasSubstr("The CA lists the same."));
    ProcessOptions long_one = good;
    long_one.input += std::string(1 << 20, ' ') + "and more";
    const ProcessResult too_long = run(command, long_one);
    EXPECT_EQ(too_long.exit_code, 3) << too_long.out;
    EXPECT_THAT(too_long.err, HasSubstr("standard input is larger than 1048576 bytes"));
    ProcessOptions nonsense;
    nonsense.input = "{}";
    EXPECT_EQ(run(command, nonsense).exit_code, 3);
}

TEST_F(WordOfAGateway, IsNothingThatCheckConfigOfTheCaTakesOver) {
    const auto told = parse_json(stack_->ca_command({"check-config", "--json"}));
    std::map<std::string, nlohmann::json> listed;
    for (const auto& service : told.at("services")) {
        listed[service.at("name")] = service;
    }
    EXPECT_EQ(listed.count("hidden"), 0U);
    EXPECT_EQ(listed.at("orders-db").at("server"), "service/orders-db");
    EXPECT_EQ(listed.at("orders-db").at("in_config"), false);
    EXPECT_TRUE(listed.at("orders-db").at("certified_until").is_string());
    EXPECT_EQ(listed.at("files").at("protocol"), "tcp");
    EXPECT_TRUE(listed.at("files").at("server").is_null());
    EXPECT_THAT(
        stack_->ca_command({"check-config"}),
        testing::ContainsRegex("orders-db +postgres +end_to_end +service/orders-db +certificate until"));
}

}  // namespace
}  // namespace postern::test
