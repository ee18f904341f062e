// postern-audit query and tail: which records they show, and how.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "audit/chain.hpp"
#include "audit/query.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "unit/audit_tool_fixture.hpp"

namespace postern::audit {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(RotatedLog, IsQueriedAcrossItsFiles) {
    const std::string out = run({"query", log, "--user", "alice", "--json"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 20);
}

TEST_F(RotatedLog, TailReadsBackIntoRotatedFiles) {
    const std::string out = run({"tail", log, "-n", "50", "--json"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 50);
}

TEST_F(AuditTool, QueriesByWhatIsAsked) {
    const auto count = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"query", log, "--json"});
        const std::string out = run(std::move(arguments)).out;
        return std::count(out.begin(), out.end(), '\n');
    };
    EXPECT_EQ(count({}), 21);
    EXPECT_EQ(count({"--checkpoints"}), 23);
    EXPECT_EQ(count({"--user", "alice"}), 5);
    EXPECT_EQ(count({"--user", "alic"}), 0);
    EXPECT_EQ(count({"--action", "connection.rejected"}), 10);
    EXPECT_EQ(count({"--action", "connection"}), 20);
    EXPECT_EQ(count({"--action", "conn"}), 0);
    EXPECT_EQ(count({"--outcome", "failure", "--user", "bob"}), 10);
    EXPECT_EQ(count({"--reason", "policy_denied"}), 10);
    EXPECT_EQ(count({"--reason", "revoked"}), 0);
    EXPECT_EQ(count({"--service", "orders-db", "--limit", "3"}), 3);
    EXPECT_EQ(count({"--session", "session-7"}), 1);
    EXPECT_EQ(count({"--since", "2026-11-22T12:35:05Z"}), 15);
    EXPECT_EQ(count({"--until", "2026-11-22T12:35:05Z"}), 6);
    EXPECT_EQ(run({"query", log, "--since", "last week"}).exit_code, 2);
}

TEST_F(AuditTool, AnActionThatThereIsNotIsAnErrorWithTheList) {
    for (const char* command : {"query", "tail"}) {
        const Outcome refused = run({command, log, "--action", "NONSENSE"});
        EXPECT_EQ(refused.exit_code, 2) << command;
        EXPECT_THAT(refused.err, HasSubstr("'NONSENSE' is no action"));
        EXPECT_THAT(refused.err, HasSubstr("connection.accepted, connection.closed, connection.rejected"));
        EXPECT_EQ(run({command, log, "--action", "login"}).exit_code, 0) << command << ": there is none yet";
        EXPECT_EQ(run({command, log, "--action", "admin.user_disabled"}).exit_code, 0) << command;
    }
}

TEST_F(AuditTool, WhatANewerProgramWritesCanBeAskedFor) {
    {
        const auto opened = Log::open(options, system_clock());
        Record record;
        record.action = "novelty.seen";
        ASSERT_TRUE((*opened)->append(record));
    }
    EXPECT_THAT(run({"query", log, "--action", "novelty"}).out, HasSubstr("novelty.seen"));
    EXPECT_EQ(run({"query", log, "--action", "novelty", "--user", "nobody"}).exit_code, 0);
}

/// A line as whoever can write the file may make it.
std::string forged(std::size_t sequence, const std::string& action, const std::string& more = {}) {
    return R"({"@timestamp":"2026-11-22T12:30:00.000000Z","event":{"sequence":)" + std::to_string(sequence) +
           R"(,"action":")" + action + R"(","outcome":"success"},"postern":{"audit":{"previous":")" +
           std::string(kNoPredecessor) + "\"}}" + more + "}";
}

TEST_F(AuditTool, AnErrorListsNoMoreActionsThanAPersonCanRead) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < 2000; ++i) {
        all.push_back(forged(i + 1, std::to_string(i) + std::string(i % 2 == 0 ? 10 : 10'000, 'x')));
    }
    put(all, log);
    for (const char* command : {"query", "tail"}) {
        const Outcome refused = run({command, log, "--action", "NONSENSE"});
        EXPECT_EQ(refused.exit_code, 2) << command;
        EXPECT_THAT(refused.err, HasSubstr("connection.accepted"));
        EXPECT_LT(refused.err.size(), 16384U) << command;
    }
}

TEST_F(AuditTool, WhatIsNoTextIsNotShownAsOne) {
    const std::string deep = std::string(30'000, '[') + std::string(30'000, ']');
    put({forged(1, "connection.closed", ",\"message\":" + deep + R"(,"user":{"name":["alice"]})")}, log);
    const Outcome outcome = run({"query", log});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("connection.closed"));
    EXPECT_LT(outcome.out.size(), 1000U);
}

TEST_F(AuditTool, TheTableShowsSessionGroupsRuleAndWhatAnActWasAbout) {
    {
        const auto opened = Log::open(options, system_clock());
        Record accepted;
        accepted.action = "connection.accepted";
        accepted.user = "dora";
        accepted.groups = {"analysts", "dba"};
        accepted.rule = "group dba";
        accepted.session_id = "its-session";
        accepted.connection_id = "its-connection";
        ASSERT_TRUE((*opened)->append(accepted));
        Record token;
        token.action = "admin.token_created";
        token.extra["postern"]["server"] = {
            {"kind", "service"}, {"name", "orders-db"}, {"names", {"db1", "db2"}}};
        token.extra["postern"]["token"] = {{"id", "0123456789ab"}};
        ASSERT_TRUE((*opened)->append(token));
        Record revoked;
        revoked.action = "certificate.revoked";
        revoked.user = "dora";
        revoked.certificate_serial = "c0ffee";
        ASSERT_TRUE((*opened)->append(revoked));
        Record reloaded;
        reloaded.action = "config.reloaded";
        reloaded.extra = {{"file", {{"path", "/etc/postern/gateway.toml"}}}};
        ASSERT_TRUE((*opened)->append(reloaded));
    }
    const std::string out = run({"tail", log, "-n", "4"}).out;
    EXPECT_THAT(
        out, HasSubstr("groups=analysts,dba rule=group dba session=its-session connection=its-connection"));
    EXPECT_THAT(out, HasSubstr("server=service/orders-db(db1,db2) token=0123456789ab"));
    EXPECT_THAT(out, HasSubstr("serial=c0ffee"));
    EXPECT_THAT(out, HasSubstr("file=/etc/postern/gateway.toml"));
}

TEST_F(AuditTool, ShowsATableThatATerminalCanBear) {
    const std::string out = run({"query", log, "--user", "bob"}).out;
    EXPECT_THAT(
        out,
        HasSubstr("2026-11-22 12:35:01.000 connection.rejected   failure policy_denied       bob            "
                  "orders-db      192.0.2.1:50000       refused \\u001b[31mred"));
    EXPECT_EQ(out.find('\x1b'), std::string::npos);
}

TEST_F(AuditTool, WarnsOfLinesThatAreNoRecords) {
    std::ofstream(log, std::ios::app) << "hello \x1b[2J\n";
    const Outcome outcome = run({"query", log});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("1 line(s) are no records"));
}

TEST_F(AuditTool, TailShowsTheLastRecords) {
    const std::string out = run({"tail", log, "-n", "2", "--json"}).out;
    EXPECT_THAT(out, HasSubstr("session-18"));
    EXPECT_THAT(out, HasSubstr("session-19"));
    EXPECT_THAT(out, Not(HasSubstr("session-17")));
}

TEST_F(AuditTool, TailReadsNoMoreThanItShows) {
    // A million records more could stand in front: zeros that take no room on the disk.
    const std::string content = *read_file(log, 1 << 20);
    constexpr off_t kFar = off_t{1} << 40;
    std::FILE* const file = std::fopen(log.c_str(), "r+");
    ASSERT_EQ(::ftruncate(::fileno(file), 0), 0);
    ASSERT_EQ(::fseeko(file, kFar, SEEK_SET), 0);
    ASSERT_EQ(std::fputs(("\n" + content + "{\"half").c_str(), file) >= 0, true);
    std::fclose(file);
    const std::string out = run({"tail", log, "-n", "2", "--json"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
    EXPECT_THAT(out, HasSubstr("session-19"));
    fs::resize_file(log, 0);
}

TEST_F(AuditTool, TailShowsLinesOfEveryLengthAcrossItsBlocks) {
    {
        const auto opened = Log::open(options, system_clock());
        for (int i = 0; i < 300; ++i) {
            Record record;
            record.action = "connection.closed";
            record.session_id = "long-" + std::to_string(i);
            record.message = std::string(static_cast<std::size_t>(i) * 3, 'x');
            ASSERT_TRUE((*opened)->append(record));
        }
    }
    const auto all = lines();
    std::string expected;
    for (const auto& line : all) {
        if (line.find("\"checkpoint\"") == std::string::npos) {
            expected += line + "\n";
        }
    }
    EXPECT_EQ(run({"tail", log, "-n", "100000", "--json"}).out, expected);
    std::ofstream(log, std::ios::app) << std::string(200000, 'y') << "\n";
    const std::string last = run({"tail", log, "-n", "1", "--json"}).out;
    EXPECT_THAT(last, HasSubstr("long-299")) << "a line that no record is has no end to it";
}

TEST_F(AuditTool, TailFollowsThroughARotation) {
    const auto log_file = Log::open(options, system_clock());
    std::FILE* out = std::tmpfile();
    RecordPrinter printer(out, true, false);
    int round = 0;
    Record record;
    record.action = "connection.closed";
    const auto is_over = [&] {
        ++round;
        if (round == 1) {
            record.user = "first";
            EXPECT_TRUE((*log_file)->append(record).has_value());
            fs::rename(log, rotated_path(log, system_clock()(), 1));
            EXPECT_TRUE((*log_file)->reopen().has_value());
            record.user = "second";
            EXPECT_TRUE((*log_file)->append(record).has_value());
        }
        return round > 3;
    };
    ASSERT_TRUE(tail({log, {}, 0, true}, printer, is_over).has_value());
    std::rewind(out);
    std::string text(65536, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), out));
    std::fclose(out);
    EXPECT_THAT(text, HasSubstr("first"));
    EXPECT_THAT(text, HasSubstr("second"));
}

TEST_F(AuditTool, SaysThatNothingFitsRatherThanNothing) {
    const Outcome outcome = run({"query", log, "--user", "alcie"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("none of the"));
    EXPECT_EQ(run({"query", log, "--user", "alice"}).err, "");
}

TEST_F(AuditTool, TellsTheTimesThatPeopleSay) {
    const SystemTime now = *parse_time("2026-11-22T12:30:00Z");
    EXPECT_EQ(*parse_moment("today", now), "2026-11-22T00:00:00.000000Z");
    EXPECT_EQ(*parse_moment("yesterday", now), "2026-11-21T00:00:00.000000Z");
    EXPECT_EQ(*parse_moment("2h", now), "2026-11-22T10:30:00.000000Z");
    EXPECT_FALSE(parse_moment("tomorrow", now));
}

TEST_F(AuditTool, ShowsSeveralLogsInTheOrderOfTimeAndWhoAskedForWhat) {
    options.file = folder / "ca.jsonl";
    {
        // Half a second behind each record of the other log.
        SystemTime now(1'795'350'896'500'000us);
        const auto opened = Log::open(options, [&now] { return now += 1s; });
        ASSERT_TRUE(opened);
        Record record;
        record.action = "admin.user_disabled";
        record.user = "alice";
        record.claims = {{"uid", 0}, {"account", "root"}, {"sudo_user", "olga"}};
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE((*opened)->append(record));
        }
    }
    const Outcome outcome = run({"query", log, options.file.string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    std::vector<std::string> times;
    std::string last_action;
    int changes = 0;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) {
        const auto record = parse_json(line);
        times.push_back(record["@timestamp"]);
        const std::string action = record["event"]["action"].get<std::string>().substr(0, 5);
        changes += action != last_action ? 1 : 0;
        last_action = action;
    }
    EXPECT_GT(times.size(), 25U);
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    EXPECT_GE(changes, 10) << "the logs are not woven into each other";
    EXPECT_THAT(run({"query", options.file.string()}).out, HasSubstr("asked-by=root(sudo:olga)"));
}

}  // namespace
}  // namespace postern::audit
