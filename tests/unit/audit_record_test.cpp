#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/chain.hpp"
#include "audit/record.hpp"
#include "base/json.hpp"

namespace postern::audit {
namespace {

constexpr SystemTime kTime{std::chrono::microseconds{1'795'350'896'000'001}};

std::string line_of(const Record& record, std::uint64_t sequence = 7) {
    return format_line(record, kTime, sequence, kNoPredecessor, "host1", "postern-gateway");
}

nlohmann::json json_of(const Record& record) {
    return parse_json(line_of(record));
}

Record rejected() {
    Record record;
    record.action = "connection.rejected";
    record.is_success = false;
    record.reason = Code::policy_denied;
    record.stage = Stage::policy;
    record.user = "alice";
    record.groups = {"dev", "ops"};
    record.source_ip = "192.0.2.7";
    record.source_port = 50123;
    record.service = "orders-db";
    record.connection_id = "0193";
    return record;
}

TEST(AuditRecord, UsesTheFieldNamesOfEcs) {
    const auto json = json_of(rejected());
    EXPECT_EQ(json["@timestamp"], "2026-11-22T12:34:56.000001Z");
    EXPECT_EQ(json["event"]["sequence"], 7);
    EXPECT_EQ(json["event"]["action"], "connection.rejected");
    EXPECT_EQ(json["event"]["outcome"], "failure");
    EXPECT_EQ(json["event"]["reason"], "policy_denied");
    EXPECT_EQ(json["event"]["category"], nlohmann::json::array({"network"}));
    EXPECT_EQ(json["event"]["type"], nlohmann::json::array({"connection", "denied"}));
    EXPECT_EQ(json["user"]["name"], "alice");
    EXPECT_EQ(json["user"]["group"]["name"], nlohmann::json::array({"dev", "ops"}));
    EXPECT_EQ(json["source"]["ip"], "192.0.2.7");
    EXPECT_EQ(json["source"]["port"], 50123);
    EXPECT_EQ(json["service"]["name"], "orders-db");
    EXPECT_EQ(json["host"]["name"], "host1");
    EXPECT_EQ(json["postern"]["stage"], "policy");
    EXPECT_EQ(json["postern"]["connection"]["id"], "0193");
    EXPECT_EQ(json["postern"]["audit"]["previous"], kNoPredecessor);
}

TEST(AuditRecord, WritesTheLineOfAConnectionInOneOrder) {
    Record record;
    record.action = "connection.accepted";
    record.connection_id = "0193";
    record.session_id = "s1";
    record.user = "alice";
    record.groups = {"dev", "ops"};
    record.source_ip = "192.0.2.7";
    record.source_port = 50123;
    record.service = "orders-db";
    record.destination_address = "db:5432";
    record.destination_ip = "192.0.2.9";
    record.destination_port = 5432;
    record.backend_local_port = 40001;
    record.certificate_serial = "3f09";
    record.certificate_subject = "CN=alice";
    record.certificate_issuer = "CN=CA";
    record.certificate_not_after = kTime;
    record.certificate_sha256 = "ab";
    record.bytes_from_client = 0;
    record.bytes_from_backend = 18446744073709551615U;
    record.claims = {{"pid", 4711}, {"program", "/usr/bin/ps\"ql"}};
    EXPECT_EQ(
        line_of(record),
        R"({"@timestamp":"2026-11-22T12:34:56.000001Z","event":{"sequence":7,"action":"connection.accepted",)"
        R"("outcome":"success","kind":"event","category":["network"],"type":["connection","start","allowed"],)"
        R"("provider":"postern-gateway"},"postern":{"audit":{"previous":")" +
            std::string(kNoPredecessor) +
            R"("},"connection":{"id":"0193"},"session":{"id":"s1"},"backend":{"local_port":40001},)"
            R"("claimed":{"pid":4711,"program":"/usr/bin/ps\"ql"}},)"
            R"("user":{"name":"alice","group":{"name":["dev","ops"]}},)"
            R"("source":{"ip":"192.0.2.7","port":50123,"bytes":0},)"
            R"("destination":{"address":"db:5432","ip":"192.0.2.9","port":5432,"bytes":18446744073709551615},)"
            R"("tls":{"client":{"x509":{"serial_number":"3f09","subject":{"distinguished_name":"CN=alice"},)"
            R"("issuer":{"distinguished_name":"CN=CA"},"not_after":"2026-11-22T12:34:56.000001Z"},)"
            R"("hash":{"sha256":"ab"}}},"service":{"name":"orders-db"},"host":{"name":"host1"},)"
            R"("ecs":{"version":"8.11.0"}})");
}

TEST(AuditRecord, PutsExtraFieldsBehindThoseOfTheirObject) {
    Record record;
    record.action = "config.reloaded";
    record.extra["host"]["os"] = {{"name", "linux"}};
    record.extra["host"]["name"] = "liar";
    record.extra["labels"] = {{"a\n", {1, "\xff"}}};
    const std::string line = line_of(record);
    EXPECT_NE(line.find(R"("host":{"name":"host1","os":{"name":"linux"}},"ecs":{"version":"8.11.0"},)"
                        R"("labels":{"a\n":[1,"\ufffd"]}})"),
              std::string::npos)
        << line;
}

TEST(AuditRecord, LeavesEmptyFieldsOut) {
    Record record;
    record.action = "config.reloaded";
    const auto json = json_of(record);
    for (const char* absent : {"user", "source", "destination", "tls", "service", "message"}) {
        EXPECT_FALSE(json.contains(absent)) << absent;
    }
    EXPECT_FALSE(json["event"].contains("reason"));
    EXPECT_FALSE(json["postern"].contains("stage"));
}

TEST(AuditRecord, KeepsAHostileNameOnOneLineOfAscii) {
    Record record = rejected();
    record.user = "x\n{\"event\":1}\r\x1b[31m\xe2\x80\xae\x7f\xff";
    const std::string line = line_of(record);
    for (const char c : line) {
        EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    }
    const auto link = parse_link(line);
    ASSERT_TRUE(link.has_value());
    EXPECT_EQ(link->sequence, 7U);
    EXPECT_TRUE(nlohmann::json::accept(line));
}

TEST(AuditRecord, KeepsTheHeadOfTheLineAgainstExtraFields) {
    Record record = rejected();
    record.extra["event"]["sequence"] = 99;
    record.extra["event"]["nested"]["postern"]["audit"]["previous"] = "liar";
    record.extra["postern"]["audit"]["previous"] = "liar";
    record.extra["postern"]["admin"]["user"] = "bob";
    record.claims["user"] = "eve";
    record.claimed_user = "mallory";
    const std::string line = line_of(record);
    const auto link = parse_link(line);
    ASSERT_TRUE(link.has_value());
    EXPECT_EQ(link->sequence, 7U);
    EXPECT_EQ(link->previous, kNoPredecessor);
    const auto json = parse_json(line);
    EXPECT_EQ(json["postern"]["admin"]["user"], "bob");
    EXPECT_EQ(json["postern"]["claimed"]["user"], "mallory");
}

TEST(AuditRecord, CutsLongStringsAndTellsSo) {
    Record record = rejected();
    record.certificate_subject = std::string(5000, 'x');
    const std::string subject = json_of(record)["tls"]["client"]["x509"]["subject"]["distinguished_name"];
    EXPECT_EQ(subject, std::string(1024, 'x') + "...(+3976 bytes)");
}

TEST(AuditRecord, CutsBetweenTwoCharacters) {
    Record record = rejected();
    record.user.assign(1020, 'x');
    for (int i = 0; i < 10; ++i) {
        record.user += "\xc3\xa9";
    }
    EXPECT_EQ(json_of(record)["user"]["name"], std::string(1020, 'x') + "...(+20 bytes)");
}

TEST(AuditRecord, CutsByWhatIsWrittenNotByWhatCame) {
    // One byte of each is written in six, or two.
    for (const auto& [byte, bytes] : {std::pair('\x01', 6), std::pair('\xff', 6), std::pair('\n', 2), std::pair('"', 2)}) {
        Record record = rejected();
        record.service = std::string(1024, byte);
        const std::string line = line_of(record);
        const std::size_t kept = static_cast<std::size_t>(1024 / bytes);
        EXPECT_NE(line.find(fmt::format("...(+{} bytes)", 1024 - kept)), std::string::npos) << line;
        EXPECT_TRUE(nlohmann::json::accept(line));
    }
}

TEST(AuditRecord, WhatAPeerWasRefusedIsShortWhateverItSent) {
    Record record = rejected();
    record.source_ip = "192.0.2.1";
    const std::string hostile(4000, '\x01');
    record.message = record.service = record.claimed_user = record.certificate_subject =
        record.certificate_issuer = record.certificate_serial = hostile;
    record.groups.assign(64, std::string(63, 'g'));
    record.claims = {{"process", {{"executable", hostile}}}};
    EXPECT_LT(line_of(record).size(), 4096U);
    EXPECT_TRUE(nlohmann::json::accept(line_of(record)));
    EXPECT_TRUE(parse_link(line_of(record)).has_value());
}

TEST(AuditRecord, StaysBelowItsBoundWhateverIsPutIn) {
    Record record = rejected();
    const std::string hostile(4000, '\xff');
    record.message = record.user = record.claimed_user = record.certificate_subject =
        record.certificate_issuer = record.certificate_serial = record.session_id =
            record.destination_address = record.closed_by = record.service = record.connection_id =
                record.source_ip = record.destination_ip = record.certificate_sha256 = hostile;
    record.groups.assign(1000, hostile);
    nlohmann::json deep = "end";
    for (int i = 0; i < 100; ++i) {
        deep = nlohmann::json::array({deep, hostile});
    }
    record.claims["deep"] = deep;
    for (int i = 0; i < 300; ++i) {
        record.extra[std::to_string(i)] = hostile;
    }
    const std::string line = line_of(record);
    EXPECT_LT(line.size(), 16384U);
    EXPECT_TRUE(parse_link(line).has_value());
    EXPECT_TRUE(nlohmann::json::accept(line));
}

}  // namespace
}  // namespace postern::audit
