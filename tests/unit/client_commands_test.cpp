// What the commands say: the status line, what doctor makes of answers, what an agent says at its start.
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/shell_word.hpp"
#include "base/spelling.hpp"
#include "client-proxy/agent/agent_settings.hpp"
#include "client-proxy/agent/connection_lines.hpp"
#include "client-proxy/agent/kept_ports.hpp"
#include "client-proxy/agent/quoting.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "client-proxy/commands/doctor_service.hpp"
#include "client-proxy/commands/psql_probe.hpp"
#include "client-proxy/commands/service_file.hpp"
#include "client-proxy/commands/status_line.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using testing::HasSubstr;
using testing::Not;

// Status line ----------------------------------------------------------------------------------------

ShownStatus one_service() {
    ShownStatus status;
    status.services = {{"orders-db", "connected", 2, 103'300, 984}};
    status.login_state = "valid";
    status.certificate_left = 59min;
    return status;
}

TEST(StatusLine, SaysStateConnectionsBytesAndCertificate) {
    EXPECT_EQ(status_line(one_service(), {100, false, false}),
              "* orders-db connected | 2 open | 103.3 kB in, 984 B out | certificate 59 min | Ctrl-C ends");
    EXPECT_EQ(status_line(one_service(), {100, false, true}),
              "● orders-db connected · 2 open · ↓ 103.3 kB  ↑ 984 B · certificate 59 min · Ctrl-C ends");
    const std::string colored = status_line(one_service(), {100, true, true});
    EXPECT_THAT(colored, HasSubstr("\x1b[32m● \x1b[0m"));
}

TEST(StatusLine, FitsEveryWidthAndKeepsWhatMattersLongest) {
    ShownStatus many = one_service();
    many.services.push_back({"billing", "error", 0, 0, 0});
    many.services.push_back({"wiki", "connected", 7, 5'000'000'000, 12});
    for (const auto& status : {one_service(), many}) {
        for (std::size_t width = 0; width <= 200; ++width) {
            EXPECT_LE(columns_of(status_line(status, {width, false, true})), width) << width;
        }
    }
    EXPECT_EQ(status_line(one_service(), {51, false, false}),
              "* orders-db connected | 2 open | certificate 59 min");
    EXPECT_EQ(status_line(many, {60, false, false}), "* 3 services error | 9 open | certificate 59 min");
    EXPECT_EQ(status_line(one_service(), {39, false, true}), "● orders-db connected");
    EXPECT_EQ(status_line(one_service(), {9, false, true}), "● orders-");
}

TEST(StatusLine, TellsOfALoginThatEnds) {
    ShownStatus status = one_service();
    status.certificate_left = 0s;
    EXPECT_THAT(status_line(status, {}), HasSubstr("renewing"));
    status.login_state = "expired";
    EXPECT_THAT(status_line(status, {}), HasSubstr("postern login"));
    status.certificate_left = 61min + 30s;
    status.login_state = "valid";
    EXPECT_THAT(status_line(status, {}), HasSubstr("certificate 61 min"));
    EXPECT_EQ(time_left_text(12h + 30min), "12 h 30 min");
    EXPECT_EQ(time_left_text(119s), "119 s");
    EXPECT_EQ(time_left_text(-5s), "0 s");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(1'000'000), "1.0 MB");
}

// Doctor ---------------------------------------------------------------------------------------------

TEST(PsqlComplaint, IsPostgresOwnWords) {
    const auto answer = psql_complaint(
        "psql: error: connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  certificate "
        "authentication failed for user \"alice\"\n");
    EXPECT_EQ(answer.kind, PsqlAnswer::Kind::refused);
    EXPECT_EQ(answer.message, "certificate authentication failed for user \"alice\"");
    EXPECT_EQ(
        psql_complaint("psql: error: connection to server failed: fe_sendauth: no password supplied\n").kind,
        PsqlAnswer::Kind::no_password);
}

Refusal explained(const char* sqlstate, const char* message) {
    postgres::ErrorFields error;
    error.sqlstate = sqlstate;
    error.message = message;
    return explain(error, "orders-db", "alice");
}

TEST(Doctor, NamesARemedyForWhatOnlyAQueryShows) {
    EXPECT_THAT(explained("", "certificate authentication failed for user \"alice\"").hint,
                HasSubstr("pg_ident.conf"));
    EXPECT_THAT(explained("", "password authentication failed for user \"alice\"").hint,
                HasSubstr(".pgpass"));
    EXPECT_THAT(explained("28000", "pg_hba.conf rejects connection for host \"10.0.0.1\"").hint,
                HasSubstr("reject"));
    EXPECT_THAT(explained("3D000", "database \"alice\" does not exist").hint, HasSubstr("--database"));
    EXPECT_EQ(explained("3D000", "database \"alice\" does not exist").code, Code::not_found);
    EXPECT_THAT(explained("28000", "role \"alice\" does not exist").hint, HasSubstr("create role alice"));
}

TEST(Doctor, TellsPosternsOwnRefusalsApartFromPostgres) {
    postgres::ErrorFields error;
    error.sqlstate = "57P03";
    error.message = "the gateway gw1 cannot be reached";
    error.hint = "Check the network.";
    EXPECT_EQ(explain(error, "orders-db", "alice").code, Code::backend_unreachable);
    EXPECT_EQ(explain(error, "orders-db", "alice").hint, "Check the network.");
    error.sqlstate = "42501";
    error.message = "alice may not use orders-db";
    EXPECT_EQ(explain(error, "orders-db", "alice").code, Code::policy_denied);
    EXPECT_THAT(explained("57P03", "the database system is starting up").hint,
                HasSubstr("Wait until PostgreSQL"));
}

TEST(Doctor, KnowsTheMethodsOfPostgresAndWhichNeedMoreThanAPassword) {
    for (const std::uint32_t code : {0U, 3U, 5U, 10U}) {
        DiagnosticReport report;
        judge_authentication(report, "service.orders-db.postgres", code, "alice");
        EXPECT_EQ(report.exit_code(), 0) << code;
    }
    DiagnosticReport report;
    judge_authentication(report, "service.orders-db.postgres", 7, "alice");
    EXPECT_EQ(report.exit_code(), 4);
    EXPECT_THAT(report.findings()[0].remedy, HasSubstr("pg_hba.conf"));
}

// Agent ----------------------------------------------------------------------------------------------

TEST(StartReport, CarriesWhyAnAgentCannotServe) {
    const auto told = control::told_at_start(
        control::start_report(Refusal{Code::config_invalid, "config.toml:1: nonsense", "Mend it.", {}}));
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->code, Code::config_invalid);
    EXPECT_EQ(told->message, "config.toml:1: nonsense");
    EXPECT_EQ(told->hint, "Mend it.");
    EXPECT_FALSE(control::told_at_start(control::start_report(std::nullopt)).has_value());
    // Another command was quicker: there is an agent.
    const Refusal other{Code::already_exists, "an agent runs already", {}, {}};
    EXPECT_FALSE(control::told_at_start(control::start_report(other)).has_value());
    EXPECT_FALSE(control::told_at_start("").has_value());
}

TEST(KeptPorts, AreReadBackAndDamageIsLeftOut) {
    const std::vector<KeptPort> ports{{"orders-db", Mode::end_to_end, true, 5432, false},
                                      {"cache", Mode::passthrough, false, 16379, true, true}};
    const auto read = kept_ports_from_json(to_json_text(ports, "this-boot"), "this-boot");
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[1].service, "cache");
    EXPECT_EQ(read[1].mode, Mode::passthrough);
    EXPECT_EQ(read[1].number, 16379);
    EXPECT_TRUE(read[1].admits_other_users);
    EXPECT_FALSE(read[0].admits_other_users);
    EXPECT_TRUE(read[1].is_wanted_so);
    EXPECT_FALSE(read[0].is_wanted_so);
    EXPECT_TRUE(kept_ports_from_json(to_json_text(ports, "this-boot"), "the-next").empty());
    EXPECT_TRUE(kept_ports_from_json("nonsense", "this-boot").empty());
    EXPECT_TRUE(
        kept_ports_from_json(
            R"({"boot":"this-boot","ports":[{"service":"../x","mode":"end_to_end","postgres":true,"port":1,
                        "unsafe_any_local_user":false}, {"service":"a","port":"5432"}]})",
            "this-boot")
            .empty());
    const Folder folder;
    const auto file = folder.path() / "kept-ports.json";
    ASSERT_TRUE(save_kept_ports(file, ports).has_value());
    EXPECT_EQ(load_kept_ports(file).size(), 2U);
    ASSERT_TRUE(save_kept_ports(file, {}).has_value());
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(AgentSettings, RememberADatabaseForEachServiceAndRefuseWhatIsNone) {
    AgentSettings settings;
    ASSERT_TRUE(settings.take({{"databases", {{"orders-db", "orders"}}}}).has_value());
    EXPECT_EQ(settings.database("orders-db"), "orders");
    EXPECT_EQ(settings.database("other"), "");
    for (const auto& bad :
         {nlohmann::json{{"orders-db", "line\nbreak"}}, nlohmann::json{{"orders-db", 7}},
          nlohmann::json{{"../x", "orders"}}, nlohmann::json{{"a", std::string(64, 'x')}}}) {
        EXPECT_FALSE(settings.take({{"databases", bad}}).has_value()) << bad;
    }
    EXPECT_EQ(settings.database("orders-db"), "orders");
}

TEST(ConnectionLines, NameTheDatabaseAndTheSocket) {
    ConnectionPlace place{"orders-db", Mode::end_to_end, 5432, "alice", {}, {}, {}, "or ders", "/run/p"};
    auto lines = connection_lines(place);
    EXPECT_EQ(lines["psql"], "psql -h localhost -p 5432 -U alice -d 'or ders'");
    EXPECT_EQ(lines["socket"], "psql -h /run/p -U alice -d 'or ders'");
    EXPECT_EQ(lines["dsn"], "postgresql://alice@localhost:5432/or%20ders");
    EXPECT_EQ(lines["jdbc"], "jdbc:postgresql://localhost:5432/or%20ders?user=alice");
    EXPECT_EQ(lines["env"], "PGHOST=localhost PGPORT=5432 PGUSER=alice PGDATABASE='or ders'");
    place.port = 5433;
    EXPECT_EQ(connection_lines(place)["socket"], "psql -h /run/p -p 5433 -U alice -d 'or ders'");
    place.mode = Mode::passthrough;
    place.server_host = "orders-db.service.example.org";
    EXPECT_THAT(connection_lines(place)["dsn"].get<std::string>(), HasSubstr("dbname='or ders'"));
    const auto entry = with_entry("", {"orders-db", 5432, "alice", "orders"});
    ASSERT_TRUE(entry.has_value());
    EXPECT_THAT(*entry, HasSubstr("\ndbname=orders\n"));
}

TEST(Quoting, IsForTheReaderThatComesNext) {
    EXPECT_EQ(shell_word("orders"), "orders");
    EXPECT_EQ(shell_word(""), "''");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    for (const char* const word : {"=ls", "~", "$HOME", "a;b", "`id`", "a\\b", "{a,b}", "!x", "a\nb", "*"}) {
        EXPECT_EQ(shell_word(word), fmt::format("'{}'", word));
    }
    EXPECT_EQ(conninfo_value("or\tders"), "'or\tders'");
    EXPECT_EQ(conninfo_value("a'b\\c"), "'a\\'b\\\\c'");
    EXPECT_EQ(conninfo_value(""), "''");
    EXPECT_EQ(url_part("a/b?c&d#e%f g"), "a%2Fb%3Fc%26d%23e%25f%20g");
    EXPECT_EQ(database_argument("orders"), "orders");
    EXPECT_EQ(database_argument("-X"), "-X");
    EXPECT_EQ(database_argument("a=b"), "dbname='a=b'");
    EXPECT_EQ(database_argument("host=evil.example"), "dbname='host=evil.example'");
    EXPECT_EQ(database_argument("postgres://evil.example/x"), "dbname=postgres://evil.example/x");
    EXPECT_EQ(database_argument("postgresql://evil.example/x"), "dbname=postgresql://evil.example/x");
}

TEST(ServiceFile, RefusesADatabaseThatItCannotName) {
    for (const char* const name : {"trail ", "tab\t", "two\nlines"}) {
        const auto entry = with_entry("", {"orders-db", 5432, "alice", name});
        ASSERT_FALSE(entry.has_value()) << name;
        EXPECT_EQ(entry.error().code, Code::config_invalid);
        EXPECT_THAT(entry.error().hint, HasSubstr("psql 'service=orders-db dbname="));
    }
    EXPECT_TRUE(with_entry("", {"orders-db", 5432, "alice", " lead"}).has_value());
    EXPECT_TRUE(with_entry("", {"orders-db", 5432, "alice", ""}).has_value());
}

TEST(NearestWord, IsOneThatMayHaveBeenMeant) {
    const std::vector<std::string> known{"connect", "disconnect", "doctor", "status"};
    EXPECT_EQ(nearest_word("conect", known), "connect");
    EXPECT_EQ(nearest_word("statsu", known), "status");
    EXPECT_EQ(nearest_word("frobnicate", known), "");
    EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace postern::client
