// postern-audit as a person runs it: what it prints and how it exits.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/chain.hpp"
#include "audit/log.hpp"
#include "audit/log_path.hpp"
#include "audit/query.hpp"
#include "audit/tool.hpp"
#include "base/file.hpp"

namespace postern::audit {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
    int exit_code;
    std::string out;
    std::string err;
};

Outcome run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"postern-audit"};
    for (const auto& argument : arguments)
        argv.push_back(argument.c_str());
    std::FILE* const streams[2] = {std::tmpfile(), std::tmpfile()};
    Outcome outcome{run_tool(static_cast<int>(argv.size()), argv.data(), streams[0], streams[1]), "", ""};
    std::string* const targets[2] = {&outcome.out, &outcome.err};
    for (int i = 0; i < 2; ++i) {
        std::rewind(streams[i]);
        char block[4096];
        for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, streams[i])) > 0;) {
            targets[i]->append(block, got);
        }
        std::fclose(streams[i]);
    }
    return outcome;
}

class AuditTool : public ::testing::Test {
protected:
    AuditTool() {
        std::string form = (fs::temp_directory_path() / "postern-audit-tool.XXXXXX").string();
        folder = ::mkdtemp(form.data());
        log = (folder / "audit.jsonl").string();
        options.file = log;
        options.key_file = folder / "audit.key";
        options.program = "test";
        options.checkpoint_after = 1h;
        write(20);
    }
    ~AuditTool() override { fs::remove_all(folder); }

    void write(int records) {
        SystemTime now(1'795'350'896'000'000us);
        const auto opened = Log::open(options, [&now] { return now += 1s; });
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        for (int i = 0; i < records; ++i) {
            Record record;
            record.action = i % 2 == 0 ? "connection.accepted" : "connection.rejected";
            record.is_success = i % 2 == 0;
            if (!record.is_success) record.reason = Code::policy_denied;
            record.user = i % 4 == 0 ? "alice" : "bob";
            record.service = "orders-db";
            record.source_ip = "192.0.2.1";
            record.source_port = 50000;
            record.session_id = "session-" + std::to_string(i);
            record.message = "refused \x1b[31mred";
            ASSERT_TRUE((*opened)->append(record).has_value());
        }
    }
    std::vector<std::string> lines() const {
        std::ifstream in(log);
        std::vector<std::string> all;
        for (std::string line; std::getline(in, line);)
            all.push_back(line);
        return all;
    }
    void put(const std::vector<std::string>& all, const std::string& file) const {
        std::ofstream out(file, std::ios::trunc);
        for (const auto& line : all)
            out << line << '\n';
    }

    fs::path folder;
    std::string log;
    LogOptions options;
};

TEST_F(AuditTool, VerifiesAWholeLog) {
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("audit.jsonl: whole"));
    EXPECT_THAT(outcome.out, HasSubstr("0 record(s) after the last signed checkpoint"));
}

TEST_F(AuditTool, NamesFileAndLineOfAnEdit) {
    auto all = lines();
    all[9].replace(all[9].find("192.0.2.1"), 9, "192.0.2.2");
    put(all, log);
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("audit.jsonl:10: changed"));
    const auto json = nlohmann::json::parse(run({"verify", "--json", log}).out);
    EXPECT_EQ(json["verdict"], "tampered");
    EXPECT_EQ(json["fault"]["line"], 10);
}

TEST_F(AuditTool, TellsATornLineAsSuch) {
    std::ofstream(log, std::ios::app) << "{\"@time";
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.out, HasSubstr("not tampering"));
}

TEST_F(AuditTool, FindsACutOffEndAndTheHeadTakenAway) {
    auto all = lines();
    all.resize(all.size() - 1);
    put(all, log);
    EXPECT_EQ(run({"verify", log}).exit_code, 1);
    fs::remove(head_path(log));
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("signed head is not there"));
    EXPECT_EQ(run({"verify", "--no-head", log}).exit_code, 0);
    EXPECT_EQ(run({"verify", "--no-head", "--at-least", "22", log}).exit_code, 0);
    EXPECT_EQ(run({"verify", "--no-head", "--at-least", "23", log}).exit_code, 1);
}

TEST_F(AuditTool, FindsAHeadOfAnotherKey) {
    const auto other = Signer::make(*pki::PrivateKey::generate_ed25519());
    ASSERT_TRUE(write_file(head_path(log),
                           *format_head({"x", 1, std::string(kNoPredecessor), "", "", ""}, *other), 0640)
                    .has_value());
    EXPECT_EQ(run({"verify", log}).exit_code, 1);
}

TEST_F(AuditTool, TurnsAwayAKeyThatDidNotSign) {
    const auto other = Signer::make(*pki::PrivateKey::generate_ed25519());
    const std::string key = (folder / "other.pub").string();
    ASSERT_TRUE(write_file(key, *other->key.public_pem(), 0644).has_value());
    const Outcome refused = run({"verify", "--key", key, log});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.out, HasSubstr("ANOTHER KEY"));
    EXPECT_THAT(refused.out,
                HasSubstr("and not with the one that was given (sha256:" + other->fingerprint + ")"));
    EXPECT_THAT(refused.out, Not(HasSubstr("TAMPERED")));
    EXPECT_EQ(nlohmann::json::parse(run({"verify", "--json", "--key", key, log}).out)["verdict"],
              "another_key");
    EXPECT_EQ(run({"verify", "--key", (folder / "audit.key.pub").string(), log}).exit_code, 0);
    // One that lies beside the log and did not sign it is no mistake of a person's.
    fs::copy_file(key, public_key_path(log), fs::copy_options::overwrite_existing);
    EXPECT_THAT(run({"verify", log}).out, HasSubstr("TAMPERED WITH"));
}

TEST_F(AuditTool, SaysWhatItCannotProveAndHowThatIsProven) {
    const auto unproven = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"verify", "--json", log});
        return nlohmann::json::parse(run(std::move(arguments)).out)["not_proven"];
    };
    const std::string key = (folder / "audit.key.pub").string();
    EXPECT_EQ(unproven({}), (nlohmann::json{"origin", "newest_state"}));
    EXPECT_EQ(unproven({"--key", key}), nlohmann::json{"newest_state"});
    EXPECT_EQ(unproven({"--key", key, "--at-least", "10"}), nlohmann::json{"newest_state"});
    EXPECT_EQ(unproven({"--key", key, "--at-least", "23"}), nlohmann::json::array());
    const Outcome told = run({"verify", log});
    EXPECT_THAT(told.out, HasSubstr("whole, as far as the key beside it can tell"));
    EXPECT_THAT(told.out, HasSubstr("not proven by this:"));
    EXPECT_THAT(told.out, HasSubstr("--at-least"));
    EXPECT_THAT(told.out, HasSubstr("--key"));
    const Outcome proven = run({"verify", log, "--key", key, "--at-least", "23"});
    EXPECT_EQ(proven.exit_code, 0);
    EXPECT_THAT(proven.out, Not(HasSubstr("not proven")));
}

TEST_F(AuditTool, AnOlderLogWithItsOlderHeadIsFoundByWhatWasNotedAlone) {
    const fs::path yesterday = folder / "yesterday";
    fs::create_directory(yesterday);
    for (const fs::path& file : {fs::path(log), head_path(log)})
        fs::copy(file, yesterday / file.filename());
    write(5);
    const auto now =
        nlohmann::json::parse(run({"verify", "--json", log}).out)["last_sequence"].get<std::uint64_t>();
    for (const fs::path& file : {fs::path(log), head_path(log)}) {
        fs::copy_file(yesterday / file.filename(), file, fs::copy_options::overwrite_existing);
    }
    const Outcome put_back = run({"verify", log});
    EXPECT_EQ(put_back.exit_code, 0);
    EXPECT_THAT(put_back.out,
                HasSubstr("an older log that was put back with its older head looks just like this"));
    EXPECT_EQ(run({"verify", log, "--at-least", std::to_string(now)}).exit_code, 1);
}

TEST_F(AuditTool, VerifiesACopyUnderAnotherName) {
    const std::string copy = (folder / "copy.jsonl").string();
    auto all = lines();
    all[2][300] ^= 1;
    put(all, copy);
    const Outcome outcome = run({"verify", copy, "--key", (folder / "audit.key.pub").string()});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("copy.jsonl:3:"));
}

TEST_F(AuditTool, SaysWhatIsMissingToVerify) {
    EXPECT_EQ(run({"verify"}).exit_code, 2);
    EXPECT_EQ(run({"verify", (folder / "absent").string()}).exit_code, 2);
    EXPECT_EQ(run({"nonsense"}).exit_code, 2);
    fs::remove(public_key_path(log));
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("hint: give the public key"));
}

class RotatedLog : public AuditTool {
protected:
    RotatedLog() {
        options.sharing = Sharing::shared;  // rotates at once
        options.rotate_bytes = 8000;
        write(60);
    }
};

TEST_F(RotatedLog, IsVerifiedAcrossItsFiles) {
    const auto elders = rotated_files(log);
    ASSERT_GE(elders.size(), 2U);
    EXPECT_EQ(run({"verify", log}).exit_code, 0);
    EXPECT_EQ(run({"verify", "--dir", folder.string()}).exit_code, 0);
    EXPECT_EQ(run({"verify", elders[0].string()}).exit_code, 0);
    EXPECT_EQ(run({"verify", "--alone", log}).exit_code, 0);
}

TEST_F(RotatedLog, NamesTheRotatedFileThatWasChanged) {
    const auto elders = rotated_files(log);
    std::string content = *read_file(elders[1]);
    content.replace(content.find("192.0.2.1"), 9, "192.0.2.2");
    ASSERT_TRUE(write_file(elders[1], content, 0640).has_value());
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr(elders[1].filename().string() + ":2: changed"));
}

TEST_F(RotatedLog, MissesAFileTakenOutOfTheMiddle) {
    const auto elders = rotated_files(log);
    fs::remove(elders[1]);
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("the next file goes on with record"));
}

TEST_F(RotatedLog, TellsThatOlderFilesAreNotThere) {
    fs::remove(rotated_files(log)[0]);
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("older files are not here"));
}

TEST_F(RotatedLog, VerifiesAFileThatWasMovedAwayByItsKey) {
    const auto elder = rotated_files(log)[0];
    const fs::path archive = folder / "archive";
    fs::create_directory(archive);
    const std::string moved = archive / elder.filename();
    fs::rename(elder, moved);
    EXPECT_EQ(run({"verify", moved}).exit_code, 2);
    EXPECT_EQ(run({"verify", "--key", public_key_path(log), moved}).exit_code, 0);
    fs::copy(public_key_path(log), archive / public_key_path(log).filename());
    EXPECT_EQ(run({"verify", moved}).exit_code, 0);
    EXPECT_EQ(run({"verify", "--dir", archive}).exit_code, 0);
}

TEST_F(RotatedLog, IsWholeElsewhereWhenAllOfItWasMoved) {
    const fs::path archive = folder / "archive";
    fs::create_directory(archive);
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with("audit.jsonl")) {
            fs::copy(entry.path(), archive / entry.path().filename());
        }
    }
    EXPECT_EQ(run({"verify", archive / "audit.jsonl"}).exit_code, 0);
}

TEST_F(RotatedLog, MissesTheLiveFile) {
    fs::remove(log);
    EXPECT_EQ(run({"verify", "--dir", folder.string()}).exit_code, 1);
}

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
        if (line.find("\"checkpoint\"") == std::string::npos) expected += line + "\n";
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
        const auto record = nlohmann::json::parse(line);
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
