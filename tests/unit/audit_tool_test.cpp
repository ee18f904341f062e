// postern-audit verify: what it prints and how it exits.
#include <algorithm>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "audit/chain.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "unit/audit_tool_fixture.hpp"

namespace postern::audit {
namespace {

using testing::HasSubstr;

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
    const auto json = parse_json(run({"verify", "--json", log}).out);
    EXPECT_EQ(json["verdict"], "tampered");
    EXPECT_EQ(json["fault"]["line"], 10);
}

TEST_F(AuditTool, TellsATornLineAsSuch) {
    std::ofstream(log, std::ios::app) << "{\"@time";
    const Outcome outcome = run({"verify", log});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.out, HasSubstr("not tampering"));
}

TEST_F(AuditTool, TellsAnEndWithoutALineEndAsTornHoweverLongItIs) {
    for (const std::size_t bytes : {100U, 65536U, 3U << 20}) {
        std::ofstream(log, std::ios::app) << std::string(bytes, 'x');
        const Outcome outcome = run({"verify", log});
        EXPECT_EQ(outcome.exit_code, 3) << bytes << outcome.out;
        EXPECT_THAT(outcome.out, HasSubstr("torn last line"));
    }
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
    EXPECT_EQ(parse_json(run({"verify", "--json", "--key", key, log}).out)["verdict"],
              "another_key");
    EXPECT_EQ(run({"verify", "--key", (folder / "audit.key.pub").string(), log}).exit_code, 0);
    // One that lies beside the log and did not sign it is no mistake of a person's.
    fs::copy_file(key, public_key_path(log), fs::copy_options::overwrite_existing);
    EXPECT_THAT(run({"verify", log}).out, HasSubstr("TAMPERED WITH"));
}

TEST_F(AuditTool, SaysWhatItCannotProveAndHowThatIsProven) {
    const auto unproven = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"verify", "--json", log});
        return parse_json(run(std::move(arguments)).out)["not_proven"];
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
    for (const fs::path& file : {fs::path(log), head_path(log)}) {
        fs::copy(file, yesterday / file.filename());
    }
    write(5);
    const auto now =
        parse_json(run({"verify", "--json", log}).out)["last_sequence"].get<std::uint64_t>();
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

}  // namespace
}  // namespace postern::audit
