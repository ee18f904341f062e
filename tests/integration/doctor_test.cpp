// Each thing that can be wrong between a laptop and its database, broken on purpose: doctor names it, and
// what to do about it.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Doctor : public SharedStack {
protected:
    struct Report {
        int exit_code = -1;
        json steps;

        /// "good", "bad", "skipped"; empty when it was not looked at.
        std::string state(const std::string& step) const { return member(step, "state"); }
        std::string detail(const std::string& step) const { return member(step, "detail"); }
        std::string remedy(const std::string& step) const { return member(step, "remedy"); }
        std::string member(const std::string& step, const char* key) const {
            for (const auto& one : steps) {
                if (one["step"] == step) {
                    return one[key];
                }
            }
            return {};
        }
    };
    static Report examine(const Laptop& laptop, const std::string& password = {},
                          std::map<std::string, std::string> environment = {}) {
        ProcessOptions options;
        options.environment = std::move(environment);
        options.environment["PGPASSWORD"] = password;
        const ProcessResult outcome =
            laptop.postern({"doctor", "orders-db", "--database", "orders", "--json"}, options);
        const auto told = parse_json(outcome.out);
        EXPECT_TRUE(told.is_object()) << outcome.out << outcome.err;
        Report report{outcome.exit_code, told["steps"]};
        EXPECT_EQ(told["is_well"].get<bool>(), outcome.exit_code == 0) << told.dump(2);
        for (const auto& step : report.steps) {
            if (step["state"] == "bad") {
                EXPECT_NE(step["remedy"], "") << json_text(step);
            }
        }
        return report;
    }

    /// As if it had logged in there.
    static void send_to_ca(const Laptop& laptop, const std::string& url) {
        EXPECT_EQ(laptop.postern({"agent", "--stop"}).exit_code, 0);
        auto profile = parse_json(content_of(laptop.state() / "profile.json"));
        profile["ca_url"] = url;
        std::ofstream(laptop.state() / "profile.json") << profile;
    }

    /// PostgreSQL's rules for as long as this lives.
    class Hba {
    public:
        explicit Hba(const std::string& lines) : before_(content_of(file())) {
            put("local all postgres trust\n" + lines);
        }
        ~Hba() { put(before_); }
        Hba(const Hba&) = delete;
        Hba& operator=(const Hba&) = delete;

    private:
        static fs::path file() { return stack_->folder() / "postgres" / "data" / "pg_hba.conf"; }
        static void put(const std::string& text) {
            std::ofstream(file(), std::ios::trunc) << text;
            stack_->postgres().sql("select pg_reload_conf()");
            // The postmaster reads it when it gets the signal.
            EXPECT_TRUE(eventually([&] {
                return stack_->postgres().sql("select count(*) from pg_hba_file_rules") ==
                       std::to_string(std::count(text.begin(), text.end(), '\n'));
            }));
        }
        std::string before_;
    };
};

TEST_F(Doctor, TicksEveryStepOfAGoodWay) {
    const Laptop alice = logged_in();
    const Report report = examine(alice, "alice-password");
    EXPECT_EQ(report.exit_code, 0);
    for (const char* step :
         {"profile", "ca.dns", "ca.tcp", "ca.tls", "ca.pin", "ca.clock", "login", "certificate",
          "gateway.gw1.dns", "gateway.gw1.tcp", "gateway.gw1.tls", "gateway.gw1.policy",
          "service.orders-db.policy", "agent", "service.orders-db.port", "service.orders-db.backend",
          "service.orders-db.postgres", "service.orders-db.query"}) {
        EXPECT_EQ(report.state(step), "good") << step << ": " << report.detail(step);
    }
    // Without the database password the last step cannot be taken, which is no trouble.
    const Report without = examine(alice);
    EXPECT_EQ(without.exit_code, 0);
    EXPECT_EQ(without.state("service.orders-db.query"), "skipped");
    ProcessOptions options;
    options.environment["LC_ALL"] = "C.UTF-8";
    EXPECT_THAT(alice.postern({"doctor", "orders-db"}, options).out, HasSubstr("✓ ca.pin"));
    options.environment["LC_ALL"] = "C";
    EXPECT_THAT(alice.postern({"doctor", "orders-db"}, options).out, HasSubstr("+ ca.pin"));
}

TEST_F(Doctor, NamesTheWrongDatabasePassword) {
    const Report report = examine(logged_in(), "not-hers");
    EXPECT_EQ(report.exit_code, 4);
    EXPECT_THAT(report.detail("service.orders-db.query"), HasSubstr("password authentication failed"));
    EXPECT_THAT(report.remedy("service.orders-db.query"), HasSubstr(".pgpass"));
}

TEST_F(Doctor, NamesAMissingLineInPgHba) {
    const Laptop alice = logged_in();
    const Hba hba("hostssl all all 10.9.9.9/32 scram-sha-256 clientcert=verify-full\n");
    const Report report = examine(alice, "alice-password");
    EXPECT_EQ(report.exit_code, 4);
    EXPECT_THAT(report.detail("service.orders-db.postgres"), HasSubstr("no pg_hba.conf entry"));
    EXPECT_THAT(report.remedy("service.orders-db.postgres"), HasSubstr("hostssl"));
    EXPECT_EQ(report.state("service.orders-db.backend"), "good");
}

TEST_F(Doctor, NamesALineThatRejects) {
    const Laptop alice = logged_in();
    const Hba hba("hostssl all all all reject\n");
    const Report report = examine(alice, "alice-password");
    EXPECT_THAT(report.detail("service.orders-db.postgres"), HasSubstr("pg_hba.conf rejects"));
    EXPECT_THAT(report.remedy("service.orders-db.postgres"), HasSubstr("move that one up"));
}

TEST_F(Doctor, NamesACertificateOfAnotherNameThanTheUsers) {
    const Laptop alice = logged_in();
    // The map names nobody.
    const Hba hba("hostssl all all all cert map=nobody\n");
    const Report report = examine(alice);
    EXPECT_EQ(report.exit_code, 4) << report.steps.dump(2);
    EXPECT_EQ(report.state("service.orders-db.backend"), "good");
    EXPECT_THAT(report.detail("service.orders-db.postgres"), HasSubstr("certificate authentication failed"));
    EXPECT_THAT(report.remedy("service.orders-db.postgres"), HasSubstr("pg_ident.conf"));
}

TEST_F(Doctor, NamesARoleThatIsMissing) {
    const Laptop alice = logged_in();
    stack_->postgres().sql("alter role alice rename to alice_was");
    const Report report = examine(alice, "alice-password");
    stack_->postgres().sql("alter role alice_was rename to alice");
    stack_->postgres().sql("alter role alice password 'alice-password'");
    EXPECT_EQ(report.exit_code, 4);
    // PostgreSQL asks for the password of a role that is not there, so as not to tell.
    EXPECT_EQ(report.state("service.orders-db.postgres"), "good");
    EXPECT_THAT(report.detail("service.orders-db.query"), HasSubstr("password authentication failed"));
}

TEST_F(Doctor, TellsTheMethodsApart) {
    const Laptop alice = logged_in();
    {
        const Hba hba("hostssl all all all cert\n");
        const Report report = examine(alice);
        EXPECT_EQ(report.exit_code, 0);
        EXPECT_THAT(report.detail("service.orders-db.postgres"), HasSubstr("without a password"));
        EXPECT_EQ(report.state("service.orders-db.query"), "good");
    }
    const Hba hba("hostssl all all all password clientcert=verify-full\n");
    EXPECT_THAT(examine(alice, "alice-password").detail("service.orders-db.postgres"),
                HasSubstr("method password"));
}

TEST_F(Doctor, NamesAPolicyThatAllowsNothing) {
    const Report report = examine(logged_in("mallory"));
    EXPECT_EQ(report.exit_code, 4);
    EXPECT_EQ(report.state("gateway.gw1.tls"), "good");
    EXPECT_EQ(report.state("gateway.gw1.policy"), "bad");
    EXPECT_THAT(report.remedy("service.orders-db.policy"), HasSubstr("administrator"));
}

TEST_F(Doctor, NamesAPostgresThatIsDown) {
    const Laptop alice = logged_in();
    stack_->postgres().stop();
    const Report report = examine(alice);
    stack_->postgres().start();
    EXPECT_EQ(report.exit_code, 5) << report.steps.dump(2);
    EXPECT_EQ(report.state("service.orders-db.backend"), "bad");
    EXPECT_EQ(report.state("gateway.gw1.policy"), "good");
}

TEST_F(Doctor, NamesAGatewayThatIsDown) {
    const Laptop alice = logged_in();
    stack_->kill_gateway();
    const Report report = examine(alice);
    stack_->start_gateway();
    EXPECT_EQ(report.exit_code, 5);
    EXPECT_EQ(report.state("gateway.gw1.dns"), "good");
    EXPECT_EQ(report.state("gateway.gw1.tcp"), "bad");
    EXPECT_EQ(report.state("gateway.gw1.tls"), "skipped");
    EXPECT_EQ(report.state("service.orders-db"), "skipped");
}

TEST_F(Doctor, NamesACaThatIsDownAndGoesOnWithTheCertificate) {
    const Laptop alice = logged_in();
    stack_->kill_ca();
    const Report report = examine(alice, "alice-password");
    stack_->start_ca();
    EXPECT_EQ(report.exit_code, 5);
    EXPECT_EQ(report.state("ca.tcp"), "bad");
    EXPECT_EQ(report.state("ca.tls"), "skipped");
    EXPECT_EQ(report.state("certificate"), "good");
    EXPECT_EQ(report.state("service.orders-db.query"), "good");
}

TEST_F(Doctor, NamesANameThatDoesNotResolve) {
    const Laptop alice = logged_in();
    send_to_ca(alice, "https://ca.invalid:7444");
    const Report report = examine(alice);
    EXPECT_EQ(report.exit_code, 5);
    EXPECT_EQ(report.state("ca.dns"), "bad");
    EXPECT_THAT(report.detail("ca.dns"), HasSubstr("ca.invalid"));
}

TEST_F(Doctor, NamesACaThatIsAnother) {
    const Laptop alice = logged_in();
    StackOptions options;
    options.with_postgres = false;
    const Stack other(options);
    send_to_ca(alice, other.ca_url());
    const Report report = examine(alice);
    EXPECT_EQ(report.exit_code, 4) << report.steps.dump(2);
    EXPECT_EQ(report.state("ca.tls"), "bad");
    EXPECT_THAT(report.detail("ca.pin"), HasSubstr("it shows another root than " + stack_->fingerprint()));
    EXPECT_THAT(report.remedy("ca.pin"), HasSubstr("postern-ca fingerprint"));
}

TEST_F(Doctor, GoesThroughTheProxyThatEverythingElseGoesThrough) {
    const Laptop alice = logged_in();
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    const std::string away = fmt::format("http://127.0.0.1:{}", free_port());
    const fs::path config =
        fs::path(alice.options().environment.at("XDG_CONFIG_HOME")) / "postern" / "config.toml";
    fs::create_directories(config.parent_path());
    std::ofstream(config) << fmt::format("[network]\nproxy = \"{}\"\n", away);
    const Report report = examine(alice);
    EXPECT_EQ(report.exit_code, 5);
    EXPECT_EQ(report.state("ca.proxy.tcp"), "bad") << report.steps.dump(2);
    EXPECT_EQ(report.state("gateway.gw1.proxy.tcp"), "bad");
    const Report round = examine(alice, "alice-password", {{"NO_PROXY", "localhost"}});
    EXPECT_EQ(round.exit_code, 0) << round.steps.dump(2);
    EXPECT_EQ(round.state("ca.dns"), "good");
    fs::remove(config);
}

TEST_F(Doctor, NamesALoginThatNobodyHas) {
    const Laptop nobody(*stack_, "alice", "nobody");
    const Report report = examine(nobody);
    EXPECT_EQ(report.exit_code, 4);
    EXPECT_THAT(report.remedy("profile"), HasSubstr("postern login"));
}

}  // namespace
}  // namespace postern::test
