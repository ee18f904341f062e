// What someone can do to the lines of a log, and at which line each of it is found.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/chain.hpp"
#include "audit/chain_verifier.hpp"
#include "audit/record.hpp"
#include "pki/digest.hpp"

namespace postern::audit {
namespace {

constexpr const char* kLogId = "0193-test";

Signer make_signer() {
    return *Signer::make(*pki::PrivateKey::generate_ed25519());
}

KeyRing ring_of(const Signer& signer) {
    KeyRing keys;
    EXPECT_TRUE(keys.add_pem(*signer.key.public_pem()).has_value());
    return keys;
}

/// Writes a chain as the log does, a checkpoint behind each `interval` records.
class Writer {
public:
    explicit Writer(const Signer& signer, std::uint64_t sequence = 0,
                    std::string hash = std::string(kNoPredecessor))
        : signer_(signer), sequence_(sequence), hash_(std::move(hash)) {}

    void first() {
        Record record;
        record.action = sequence_ == 0 ? kStartedAction : kRotatedAction;
        record.extra["postern"]["audit"]["log_id"] = kLogId;
        put(line(record));
    }
    void record(const std::string& user) {
        Record record;
        record.action = "connection.accepted";
        record.user = user;
        record.source_ip = "192.0.2.1";
        record.service = "orders-db";
        put(line(record));
    }
    void checkpoint(std::string_view reason = "interval") {
        put(*format_checkpoint({kLogId, sequence_ + 1, hash_, now(), "host", "test"}, reason, signer_));
    }

    std::vector<std::string> lines;
    std::uint64_t sequence() const { return sequence_; }
    const std::string& hash() const { return hash_; }
    Head head() const { return {kLogId, sequence_, hash_, "", "", ""}; }

private:
    SystemTime now() const { return SystemTime(std::chrono::seconds(1'700'000'000 + sequence_)); }
    std::string line(const Record& record) const {
        return format_line(record, now(), sequence_ + 1, hash_, "host", "test");
    }
    void put(std::string line) {
        hash_ = pki::sha256_hex(line);
        ++sequence_;
        lines.push_back(std::move(line));
    }

    const Signer& signer_;
    std::uint64_t sequence_;
    std::string hash_;
};

class Chain : public ::testing::Test {
protected:
    Chain() {
        // Lines 1 (first), 2…9, checkpoint 10, 11…19, checkpoint 20, 21…25.
        writer.first();
        for (int i = 2; i <= 25; ++i) {
            if (i % 10 == 0) {
                writer.checkpoint();
                head = writer.head();
            } else {
                writer.record("user" + std::to_string(i));
            }
        }
        lines = writer.lines;
    }

    std::optional<Fault> verify(std::optional<std::uint64_t> unfinished = {}) {
        ChainVerifier verifier(ring_of(signer));
        verifier.expect_head(head);
        verifier.begin_file("audit.jsonl", false);
        for (const std::string& line : lines) {
            verifier.add(line);
        }
        if (unfinished) {
            verifier.add_unfinished(*unfinished);
        }
        verifier.end_file();
        verifier.finish();
        summary = verifier.summary();
        return verifier.fault();
    }

    void expect_fault(FaultKind kind, std::uint64_t line) {
        const auto fault = verify();
        ASSERT_TRUE(fault.has_value());
        EXPECT_EQ(name(fault->kind), name(kind)) << fault->message;
        EXPECT_EQ(fault->line, line) << fault->message;
    }

    std::string& at(std::size_t line) { return lines[line - 1]; }
    /// Writes all hashes anew from line `from` on, as someone without the key can.
    void rechain(std::size_t from) {
        for (std::size_t i = from; i < lines.size(); ++i) {
            const auto link = parse_link(lines[i]);
            const auto offset = static_cast<std::size_t>(link->previous.data() - lines[i].data());
            lines[i].replace(offset, 64, pki::sha256_hex(lines[i - 1]));
        }
    }

    Signer signer = make_signer();
    Writer writer{signer};
    std::vector<std::string> lines;
    Head head;
    ChainVerifier::Summary summary;
};

TEST_F(Chain, AcceptsWhatTheLogWrote) {
    EXPECT_FALSE(verify().has_value());
    EXPECT_EQ(summary.records, 25U);
    EXPECT_EQ(summary.checkpoints, 2U);
    EXPECT_EQ(summary.unsigned_records, 5U);
    EXPECT_EQ(summary.last_checkpoint_line, 20U);
    EXPECT_EQ(summary.last_sequence, 25U);
    EXPECT_EQ(summary.log_id, kLogId);
    EXPECT_EQ(summary.signed_by, std::vector<std::string>{signer.fingerprint});
}

TEST_F(Chain, NamesTheLineOfAnyEditedByte) {
    for (const std::size_t line : {1U, 2U, 10U, 15U, 20U}) {
        const std::string whole = at(line);
        for (std::size_t i = 0; i < whole.size(); ++i) {
            for (const char edited : {static_cast<char>(whole[i] ^ 1), '"', '}'}) {
                if (edited == whole[i]) {
                    continue;
                }
                at(line)[i] = edited;
                const auto fault = verify();
                ASSERT_TRUE(fault.has_value()) << "line " << line << " byte " << i;
                ASSERT_EQ(fault->line, line)
                    << "byte " << i << " " << whole.substr(i, 20) << ": " << fault->message;
                at(line) = whole;
            }
        }
    }
}

TEST_F(Chain, NamesALineThatWasBrokenInTwo) {
    lines.insert(lines.begin() + 12, at(12).substr(at(12).size() / 2));
    at(12).resize(at(12).size() / 2);
    expect_fault(FaultKind::malformed, 12);
}

TEST_F(Chain, NamesALineThatWasMergedWithTheNext) {
    at(12) += " " + at(13);
    lines.erase(lines.begin() + 12);
    expect_fault(FaultKind::malformed, 12);
}

TEST_F(Chain, NamesTheFirstOfManyEditedLines) {
    for (std::size_t i = 11; i <= 25; ++i) {
        auto& text = at(i);
        if (const auto found = text.find("192.0.2.1"); found != std::string::npos) {
            text.replace(found, 9, "192.0.2.2");
        }
    }
    expect_fault(FaultKind::changed, 11);
}

TEST_F(Chain, NamesTheLineBehindWhichOneWasDeleted) {
    for (const std::size_t line : {2U, 10U, 12U, 19U}) {
        const auto whole = lines;
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(line) - 1);
        expect_fault(FaultKind::missing, line);
        lines = whole;
    }
}

TEST_F(Chain, NamesTheFirstLineWhenTheBeginningWasCutOff) {
    lines.erase(lines.begin(), lines.begin() + 10);
    expect_fault(FaultKind::missing, 1);
}

TEST_F(Chain, NamesTheFirstOfTwoSwappedLines) {
    for (const std::size_t line : {2U, 9U, 10U, 15U, 18U}) {
        const auto whole = lines;
        std::swap(at(line), at(line + 1));
        expect_fault(FaultKind::out_of_order, line);
        lines = whole;
    }
}

TEST_F(Chain, NamesAnInsertedCopy) {
    lines.insert(lines.begin() + 14, at(5));
    expect_fault(FaultKind::inserted, 15);
}

TEST_F(Chain, NamesAnInsertedLineThatFitsTheChain) {
    std::string forged = at(15);
    forged.replace(forged.find("user15"), 6, "mallory");
    lines.insert(lines.begin() + 14, forged);
    expect_fault(FaultKind::inserted, 15);
}

TEST_F(Chain, NamesTheFirstOfSeveralInsertedLinesThatFitTheChain) {
    Writer other(signer, 14, pki::sha256_hex(at(14)));
    other.record("mallory");
    other.record("mallory");
    other.record("mallory");
    lines.insert(lines.begin() + 14, other.lines.begin(), other.lines.end());
    expect_fault(FaultKind::inserted, 15);
}

TEST_F(Chain, NamesAForeignLine) {
    lines.insert(lines.begin() + 14, "Nov 22 12:00:00 host kernel: hello");
    expect_fault(FaultKind::malformed, 15);
    at(15) = "";
    expect_fault(FaultKind::malformed, 15);
}

TEST_F(Chain, NamesTheCheckpointWhenTheChainWasWrittenAnewWithoutTheKey) {
    at(13).replace(at(13).find("user13"), 6, "userXX");
    rechain(13);
    head = {kLogId, 0, std::string(kNoPredecessor), "", "", ""};
    expect_fault(FaultKind::bad_signature, 20);
}

TEST_F(Chain, NamesTheEarliestForgedCheckpoint) {
    at(3).replace(at(3).find("user3"), 5, "userX");
    rechain(3);
    expect_fault(FaultKind::bad_signature, 10);
}

TEST_F(Chain, RefusesAChainSignedWithAnotherKey) {
    const Signer other = make_signer();
    Writer forger(other);
    forger.first();
    for (int i = 0; i < 8; ++i) {
        forger.record("mallory");
    }
    forger.checkpoint();
    lines = forger.lines;
    head = forger.head();
    expect_fault(FaultKind::another_key, 10);
}

TEST_F(Chain, FindsLinesCutOffAtTheEndByTheHead) {
    lines.resize(19);
    expect_fault(FaultKind::cut_off, 19);
    lines.resize(10);
    expect_fault(FaultKind::cut_off, 10);
    lines.clear();
    expect_fault(FaultKind::cut_off, 0);
}

TEST_F(Chain, CannotFindLinesCutOffBehindTheLastCheckpointAndCountsThoseThatAreThere) {
    lines.resize(22);
    EXPECT_FALSE(verify().has_value());
    EXPECT_EQ(summary.unsigned_records, 2U);
}

TEST_F(Chain, CannotFindALogPutBackTogetherWithItsOldHead) {
    lines.resize(10);
    head = {kLogId, 10, pki::sha256_hex(at(10)), "", "", ""};
    EXPECT_FALSE(verify().has_value());
    EXPECT_EQ(summary.last_sequence, 10U);
}

TEST_F(Chain, FindsAnEditOfTheLastLineByTheHead) {
    writer.checkpoint();
    head = writer.head();
    lines = writer.lines;
    EXPECT_FALSE(verify().has_value());
    lines.back().replace(lines.back().find("\"test\""), 6, "\"Test\"");
    expect_fault(FaultKind::changed, 26);
}

TEST_F(Chain, TellsATornLastLineFromTampering) {
    const auto fault = verify(17);
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->kind, FaultKind::torn);
    EXPECT_EQ(fault->line, 26U);
}

TEST_F(Chain, TellsALineOfZerosAtTheEndAsTorn) {
    for (const std::size_t at_byte : {0U, 200U, 400U}) {
        const std::string whole = lines.back();
        lines.back().replace(at_byte, 30, 30, '\0');
        expect_fault(FaultKind::torn, 25);
        lines.back() = whole;
    }
    at(24).replace(400, 30, 30, '\0');
    expect_fault(FaultKind::malformed, 24);
}

TEST_F(Chain, TellsATornLineThatTheHeadHasSeenWholeAsTampering) {
    lines.resize(19);
    const auto fault = verify(100);
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->kind, FaultKind::cut_off);
    EXPECT_EQ(fault->line, 19U);
}

TEST_F(Chain, TellsALineCutShortInTheMiddleAsTampering) {
    at(12).resize(100);
    expect_fault(FaultKind::malformed, 12);
}

class RotatedChain : public Chain {
protected:
    RotatedChain() {
        Writer writer1(signer);
        writer1.first();
        writer1.record("one");
        writer1.checkpoint("quiet");
        writer1.record("two");
        writer1.checkpoint(kRotationReason);
        first = writer1.lines;
        Writer writer2(signer, writer1.sequence(), writer1.hash());
        writer2.first();
        writer2.record("three");
        writer2.checkpoint();
        second = writer2.lines;
        head = writer2.head();
    }

    std::optional<Fault> verify_both() {
        ChainVerifier verifier(ring_of(signer));
        verifier.expect_head(head);
        verifier.begin_file("first", true);
        for (const auto& line : first) {
            verifier.add(line);
        }
        verifier.end_file();
        verifier.begin_file("second", false);
        for (const auto& line : second) {
            verifier.add(line);
        }
        verifier.end_file();
        verifier.finish();
        return verifier.fault();
    }

    std::vector<std::string> first;
    std::vector<std::string> second;
};

TEST_F(RotatedChain, GoesOnFromFileToFile) {
    EXPECT_FALSE(verify_both().has_value());
}

TEST_F(RotatedChain, FindsLinesCutOffAClosedFile) {
    for (const std::size_t left : {4U, 3U, 2U, 1U}) {
        first.resize(left);
        const auto fault = verify_both();
        ASSERT_TRUE(fault.has_value());
        EXPECT_EQ(fault->kind, FaultKind::cut_off);
        EXPECT_EQ(fault->file, "first");
        EXPECT_EQ(fault->line, left);
    }
}

TEST_F(RotatedChain, FindsAnEditAtTheSeam) {
    auto& text = first.back();
    text.replace(text.find("\"host\":{\"name\":\"host\""), 21, "\"host\":{\"name\":\"hosT\"");
    const auto fault = verify_both();
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->file, "first");
    EXPECT_EQ(fault->line, 5U);
}

TEST_F(RotatedChain, FindsTheFirstLineOfAFileDeleted) {
    second.erase(second.begin());
    const auto fault = verify_both();
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->kind, FaultKind::cut_off) << fault->message;
    EXPECT_EQ(fault->file, "first");
}

TEST(AuditHead, IsReadBackAndVerified) {
    const Signer signer = make_signer();
    const auto text =
        format_head({kLogId, 12, std::string(kNoPredecessor), "2026-11-22T12:34:56.000001Z", "", ""}, signer);
    ASSERT_TRUE(text.has_value());
    auto head = parse_head(*text);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->sequence, 12U);
    EXPECT_TRUE(check_signature(*head, ring_of(signer)).has_value());
    head->sequence = 11;
    EXPECT_FALSE(check_signature(*head, ring_of(signer)).has_value());
}

TEST(AuditHead, TurnsAwayASignatureOfAnotherKey) {
    const auto text = format_head({kLogId, 12, std::string(kNoPredecessor), "", "", ""}, make_signer());
    const auto head = parse_head(*text);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(check_signature(*head, ring_of(make_signer())).error().code, Code::unknown_issuer);
}

TEST(AuditLink, RefusesWhatIsNoRecord) {
    for (const char* line :
         {"", "{}", "null", R"({"@timestamp":"2026-11-22T12:34:56.000001Z"})",
          R"({"@timestamp":"2026-11-22T12:34:56.000001Z","event":{"sequence":01,"action":"x"}})",
          R"({"@timestamp":"2026-11-22T12:34:56.000001Z","event":{"sequence":-1,"action":"x"}})",
          R"({"@timestamp":"2026-11-22T12:34:56.000001Z","event":{"sequence":1,"action":"x"}})"}) {
        EXPECT_FALSE(parse_link(line).has_value()) << line;
    }
}

/// Whoever can write the file may make a line; it is shown on a terminal.
TEST(AuditLink, RefusesATimeOrAnActionThatNoLogWrites) {
    const auto line = [](const std::string& time, const std::string& action) {
        return "{\"@timestamp\":\"" + time + "\",\"event\":{\"sequence\":1,\"action\":\"" + action +
               "\"},\"postern\":{\"audit\":{\"previous\":\"" + std::string(kNoPredecessor) + "\"}}}";
    };
    const std::string time = "2026-11-22T12:34:56.000001Z";
    EXPECT_TRUE(parse_link(line(time, "connection.accepted")));
    EXPECT_TRUE(parse_link(line(time, std::string(64, 'x'))));
    for (const std::string& action : {std::string(), std::string("\x1b[31m"), std::string("a b"), std::string(65, 'x')}) {
        EXPECT_FALSE(parse_link(line(time, action))) << action;
    }
    EXPECT_FALSE(parse_link(line("\x1b[2J-11-22T12:34:56.000001Z", "connection.accepted")));
}

}  // namespace
}  // namespace postern::audit
