// One PostgreSQL server that is two services, and the names by which a program with TLS of its own tells
// services apart.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Services : public testing::Test {
protected:
    static void SetUpTestSuite() {
        StackOptions options;
        options.ca_tables = "[[service]]\nname = \"stock-db\"\n";
        stack_ = std::make_unique<Stack>(options);
        const fs::path files = stack_->folder() / "second";
        fs::create_directories(files);
        const std::string token = stack_->ca_command({"token", "create", "--service", "billing-db",
                                                      "--service", "hr-db", "--dns", "localhost", "--json"});
        stack_->ca_command(
            {"enroll", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint(), "--out-cert",
             files / "server.pem", "--out-key", files / "server.key", "--out-user-ca", files / "user-ca.pem"},
            parse_json(token).at("token"));
        second_ = std::make_unique<PostgresServer>(
            stack_->folder() / "second-postgres",
            PostgresFiles{files / "server.pem", files / "server.key", files / "user-ca.pem"});
        std::ofstream config(stack_->gateway_config(), std::ios::app);
        // The certificate does not name stock-db.
        for (const char* service : {"billing-db", "hr-db", "stock-db"}) {
            config << fmt::format(
                "[[service]]\nname = \"{}\"\nbackend = \"127.0.0.1:{}\"\n[[rule]]\nservices = "
                "[\"{}\"]\ngroups = [\"analysts\"]\n",
                service, second_->port(), service);
        }
        config.close();
        stack_->gateway().signal(SIGHUP);
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        ASSERT_EQ(alice_->login().exit_code, 0);
        ASSERT_TRUE(eventually([] {
            const ProcessResult listed = alice_->postern({"services"});
            return listed.out.find("stock-db") != std::string::npos;
        }));
    }
    static void TearDownTestSuite() {
        alice_.reset();
        second_.reset();
        stack_.reset();
    }
    static ProcessResult ask(const std::string& service) {
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", "alice-password"}};
        return alice_->postern({"psql", service, "--", "-X", "-d", "orders", "-Atc", "select current_user"},
                               options);
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<PostgresServer> second_;
    static std::unique_ptr<Laptop> alice_;
};

std::unique_ptr<Stack> Services::stack_;
std::unique_ptr<PostgresServer> Services::second_;
std::unique_ptr<Laptop> Services::alice_;

TEST_F(Services, OnePostgresServerIsReachedAsEachThatItsCertificateNames) {
    for (const char* service : {"billing-db", "hr-db", "orders-db"}) {
        const ProcessResult outcome = ask(service);
        EXPECT_EQ(outcome.exit_code, 0) << service << outcome.err;
        EXPECT_EQ(outcome.out, "alice\n") << service;
    }
}

TEST_F(Services, OneThatItsCertificateDoesNotNameIsRefusedAndToldWhatHelps) {
    const ProcessResult refused = ask("stock-db");
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.err, HasSubstr("PostgreSQL of stock-db cannot be trusted"));
    EXPECT_THAT(refused.err, HasSubstr("--service stock-db [--service OTHER --renew]"));
}

TEST_F(Services, CheckConfigSaysWhichAreOneServer) {
    const ProcessResult outcome =
        run({program("postern-gateway"), "check-config", "--config", stack_->gateway_config()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("is billing-db, hr-db, stock-db: its certificate must name all"));
}

TEST_F(Services, APassedThroughLineProvesItsOwnServiceAndNoOther) {
    const int port = free_port();
    Process connect({program("postern"), "connect", "--passthrough", fmt::format("billing-db:{}", port),
                     "--database", "orders", "--json"},
                    alice_->options());
    connect.wait_for_out("\"commands\"");
    std::string line;
    std::istringstream told(connect.out());
    for (std::string text; std::getline(told, text);) {
        const auto event = parse_json(text);
        if (event.is_object() && event.value("event", "") == "listening") {
            line = event["commands"]["psql"];
        }
    }
    EXPECT_THAT(line, HasSubstr("host=billing-db.service.example.org hostaddr=127.0.0.1"));
    const auto run_line = [](const std::string& command) {
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", "alice-password"}};
        return run({"/bin/sh", "-c", command + " -X -Atc 'select current_user'"}, options);
    };
    const ProcessResult own = run_line(line);
    EXPECT_EQ(own.out, "alice\n") << own.err;
    for (const char* other : {"orders-db", "stock-db"}) {
        std::string wrong = line;
        wrong.replace(wrong.find("billing-db"), std::string("billing-db").size(), other);
        const ProcessResult refused = run_line(wrong);
        EXPECT_NE(refused.exit_code, 0) << other;
        EXPECT_THAT(refused.err, HasSubstr("does not match host name")) << other;
    }
}

}  // namespace
}  // namespace postern::test
