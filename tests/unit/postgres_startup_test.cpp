#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/first_packet.hpp"
#include "postgres/startup.hpp"
#include "support/postgres_bytes.hpp"

namespace postern::postgres {
namespace {

using namespace std::string_literals;
using namespace test;
using testing::HasSubstr;

// What the reader says when bytes come one by one; only answers and the end are kept.
std::vector<StartupOutcome> feed_by_byte(StartupReader& reader, std::string_view bytes) {
    std::vector<StartupOutcome> outcomes;
    for (const char byte : bytes) {
        auto outcome = reader.feed(as_bytes(std::string_view(&byte, 1)));
        if (!std::holds_alternative<NeedMore>(outcome)) {
            outcomes.push_back(std::move(outcome));
        }
    }
    return outcomes;
}

StartupOutcome feed_all(std::string_view bytes) {
    StartupReader reader;
    return reader.feed(as_bytes(bytes));
}

StartupRefusal refusal_of(std::string_view bytes) {
    const auto outcome = feed_all(bytes);
    const auto* refused = std::get_if<StartupRefusal>(&outcome);
    EXPECT_NE(refused, nullptr) << "not refused";
    return refused != nullptr ? *refused : StartupRefusal{};
}

TEST(StartupReader, ReadsAStartupMessage) {
    const auto outcome = feed_all(kStartup);
    const auto* read = std::get_if<StartupMessage>(&outcome);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->version, 0x00030000U);
    EXPECT_EQ(read->user(), "alice");
    EXPECT_EQ(read->database(), "orders");
    EXPECT_EQ(read->find("application_name"), "psql");
    EXPECT_EQ(read->find("replication"), std::nullopt);
    EXPECT_EQ(read->raw, kStartup);
}

TEST(StartupReader, TakesTheUserForAnAbsentDatabase) {
    const auto outcome = feed_all(startup("user\0alice\0\0"s));
    EXPECT_EQ(std::get<StartupMessage>(outcome).database(), "alice");
}

TEST(StartupReader, LetsTheServerNegotiateMinorVersions) {
    EXPECT_TRUE(std::holds_alternative<StartupMessage>(feed_all(startup("user\0a\0\0"s, 0x00030002))));
    EXPECT_TRUE(std::holds_alternative<StartupMessage>(feed_all(startup("user\0a\0\0"s, 0x0003270f))));
}

TEST(StartupReader, AnswersBothEncryptionRequestsInEitherOrderAtAnySplit) {
    for (const auto& stream :
         {kSslRequest + kGssEncRequest + kStartup, kGssEncRequest + kSslRequest + kStartup}) {
        StartupReader reader;
        const auto outcomes = feed_by_byte(reader, stream);
        ASSERT_EQ(outcomes.size(), 3U);
        EXPECT_TRUE(std::holds_alternative<AnswerNo>(outcomes[0]));
        EXPECT_TRUE(std::holds_alternative<AnswerNo>(outcomes[1]));
        EXPECT_EQ(std::get<StartupMessage>(outcomes[2]).user(), "alice");
    }
}

TEST(StartupReader, RefusesTheSameEncryptionRequestTwice) {
    for (const auto& request : {kSslRequest, kGssEncRequest}) {
        StartupReader reader;
        const auto outcomes = feed_by_byte(reader, request + request);
        ASSERT_EQ(outcomes.size(), 2U);
        EXPECT_TRUE(std::holds_alternative<StartupRefusal>(outcomes[1]));
    }
}

TEST(StartupReader, RefusesBytesStuffedBehindAnEncryptionRequest) {
    EXPECT_THAT(refusal_of(kSslRequest + kStartup).hint, HasSubstr("CVE-2021-23222"));
    EXPECT_THAT(refusal_of(kGssEncRequest + kStartup).hint, HasSubstr("CVE-2021-23222"));
    EXPECT_THAT(refusal_of(kSslRequest + "x").hint, HasSubstr("CVE-2021-23222"));
}

TEST(StartupReader, KeepsWhatAClientSentAheadBehindItsStartupMessage) {
    StartupReader reader;
    const std::string stream = kStartup + "ahead";
    EXPECT_TRUE(std::holds_alternative<StartupMessage>(reader.feed(as_bytes(stream))));
    EXPECT_EQ(reader.take_rest(), "ahead");
}

TEST(StartupReader, ReadsCancelRequestsOfEveryKeyLength) {
    for (const std::size_t secret_bytes : {4U, 32U, 256U}) {
        const std::string key = u32(4711) + std::string(secret_bytes, 's');
        const std::string raw = packet(u32(kCancelRequestCode) + key);
        const auto outcome = feed_all(raw);
        const auto* request = std::get_if<CancelRequest>(&outcome);
        ASSERT_NE(request, nullptr) << secret_bytes;
        EXPECT_EQ(request->key, key);
        EXPECT_EQ(request->raw, raw);
    }
}

TEST(StartupReader, RefusesCancelRequestsOfImpossibleKeyLength) {
    EXPECT_TRUE(
        std::holds_alternative<StartupRefusal>(feed_all(packet(u32(kCancelRequestCode) + "1234567"))));
    EXPECT_TRUE(std::holds_alternative<StartupRefusal>(
        feed_all(packet(u32(kCancelRequestCode) + std::string(4 + 257, 's')))));
}

TEST(StartupReader, RefusesForeignProtocolsAtTheirFirstByte) {
    EXPECT_THAT(refusal_of("\x16").message, HasSubstr("TLS"));
    EXPECT_EQ(refusal_of("\x16").language, Language::tls);
    EXPECT_THAT(refusal_of("G").message, HasSubstr("HTTP"));
    EXPECT_EQ(refusal_of("G").language, Language::http);
    EXPECT_EQ(refusal_of("\xff").language, Language::unknown);
}

TEST(StartupReader, TakesPacketsOfPostgresLimitAndNoLarger) {
    const std::string fixed = "user\0a\0options\0"s;
    const auto of_size = [&](std::size_t payload) {
        return startup(fixed + std::string(payload - 4 - fixed.size() - 2, 'x') + "\0\0"s);
    };
    EXPECT_TRUE(std::holds_alternative<StartupMessage>(feed_all(of_size(kMostStartupBytes))));
    EXPECT_EQ(refusal_of(of_size(kMostStartupBytes + 1).substr(0, 4)).code, Code::request_too_large);
    EXPECT_EQ(refusal_of("\0\xff\xff\xff"s).code, Code::request_too_large);
}

TEST(StartupReader, RefusesShortPackets) {
    EXPECT_EQ(refusal_of(u32(0)).code, Code::malformed_request);
    EXPECT_EQ(refusal_of(u32(7)).code, Code::malformed_request);
}

TEST(StartupReader, RefusesOtherMajorVersions) {
    EXPECT_THAT(refusal_of(startup("user\0a\0\0"s, 0x00020000)).message, HasSubstr("2.0"));
    EXPECT_THAT(refusal_of(startup("user\0a\0\0"s, 0x00040000)).message, HasSubstr("4.0"));
}

TEST(StartupReader, RefusesBrokenParameterLists) {
    for (const auto& list : {""s, "user\0a\0"s, "user\0a"s, "user"s, "user\0a\0\0x"s, "\0"s, "user\0\0\0"s,
                             "database\0d\0\0"s}) {
        EXPECT_EQ(refusal_of(startup(list)).code, Code::malformed_request) << testing::PrintToString(list);
    }
}

TEST(StartupReader, RefusesTwoUsersSinceTheServerWouldTakeTheOther) {
    EXPECT_THAT(refusal_of(startup("user\0alice\0user\0postgres\0\0"s)).message, HasSubstr("more than once"));
}

// An outcome with all that it says, as text; `unfed` are the bytes that were not needed for it.
std::string told(StartupReader& reader, const StartupOutcome& outcome, std::string_view unfed) {
    if (const auto* startup = std::get_if<StartupMessage>(&outcome)) {
        return "startup " + startup->raw + " then " + reader.take_rest() + std::string(unfed);
    }
    if (const auto* request = std::get_if<CancelRequest>(&outcome)) {
        return "cancel " + request->key;
    }
    if (const auto* refused = std::get_if<StartupRefusal>(&outcome)) {
        return "refusal " + refused->message + refused->hint;
    }
    return std::holds_alternative<AnswerNo>(outcome) ? "no" : "more";
}

// Fed in pieces that end at the cuts, as far as it wants them.
std::string told_in_pieces(std::string_view bytes, std::vector<std::size_t> cuts) {
    StartupReader reader;
    cuts.push_back(bytes.size());
    std::size_t from = 0;
    for (const std::size_t to : cuts) {
        const auto outcome = reader.feed(as_bytes(bytes.substr(from, to - from)));
        from = to;
        if (!std::holds_alternative<NeedMore>(outcome)) {
            return told(reader, outcome, bytes.substr(to));
        }
    }
    return "more";
}

std::vector<std::size_t> every_byte_of(std::string_view bytes) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at < bytes.size(); ++at) {
        cuts.push_back(at);
    }
    return cuts;
}

const std::vector<std::uint32_t> kEveryKind = {
    kSslRequestCode, kGssEncRequestCode, kCancelRequestCode, 0x00030000, 0x00030002,
    0x0003ffff,      0x00020000,         0x00040000,         0,          1,
    80877105,        0xffffffff};

// What may stand behind the version: no list, a good one, a good one with something in it, no end.
std::string body_of(std::size_t bytes, unsigned variant) {
    const std::string good = "user\0alice\0options\0"s;
    if (variant == 0 || bytes < good.size() + 2) {
        return std::string(bytes, variant == 2 ? 'u' : '\0');
    }
    return good + std::string(bytes - good.size() - 2, 'o') + (variant == 1 ? "\0\0"s : "oo"s);
}

TEST(StartupReader, JudgesEveryLengthOfEveryKindAlikeAtEverySplit) {
    for (const std::uint32_t kind : kEveryKind) {
        for (std::size_t bytes = 0; bytes <= 80; ++bytes) {
            for (unsigned variant = 0; variant < 3; ++variant) {
                const std::string whole = packet(u32(kind) + body_of(bytes, variant));
                const std::string at_once = told_in_pieces(whole, {});
                ASSERT_NE(at_once, "more");
                ASSERT_EQ(told_in_pieces(whole, every_byte_of(whole)), at_once) << kind << " " << bytes;
                for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
                    ASSERT_EQ(told_in_pieces(whole, {cut}), at_once) << kind << " " << bytes << " " << cut;
                }
            }
        }
    }
}

TEST(StartupReader, JudgesEveryLengthUpToTheLimitAlikeInPieces) {
    for (const std::uint32_t kind : kEveryKind) {
        for (std::size_t bytes = 81; bytes <= kMostStartupBytes + 8; bytes += bytes < 300 ? 1 : 97) {
            const std::string whole = packet(u32(kind) + body_of(bytes, 1));
            const std::string at_once = told_in_pieces(whole, {});
            ASSERT_NE(at_once, "more");
            ASSERT_EQ(told_in_pieces(whole, {1, 4, 5, 8, 9, bytes / 2, bytes + 7}), at_once)
                << kind << " " << bytes;
        }
    }
}

TEST(StartupReader, TrustsNoLengthThatAPacketClaims) {
    const std::string behind = u32(0x00030002) + "user\0alice\0\0"s + "sent ahead";
    for (std::uint32_t claimed = 0; claimed <= behind.size() + 4; ++claimed) {
        const std::string stream = u32(claimed) + behind;
        const std::string at_once = told_in_pieces(stream, {});
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            ASSERT_EQ(told_in_pieces(stream, {cut}), at_once) << claimed << " " << cut;
        }
    }
    EXPECT_EQ(told_in_pieces(u32(static_cast<std::uint32_t>(behind.size() + 5)) + behind, {}), "more");
}

TEST(StartupReader, HandsOnEveryByteOfTheClientsButTheAnsweredRequests) {
    std::mt19937 random(20261123);
    for (int round = 0; round < 300; ++round) {
        std::string list = "user\0alice\0"s;
        for (auto left = random() % 6; left > 0; --left) {
            list += "_pq_." + std::string(1 + random() % 20, 'n') + '\0' + std::string(random() % 400, 'v') +
                    '\0';
        }
        const std::string start = startup(list + '\0', static_cast<std::uint32_t>(0x00030000 + random() % 3));
        std::string stream = start;
        for (auto left = random() % 2000; left > 0; --left) {
            stream.push_back(static_cast<char>(random()));
        }
        StartupReader reader;
        for (const auto& request : {kGssEncRequest, kSslRequest}) {
            if (random() % 2 == 0) {
                ASSERT_TRUE(std::holds_alternative<AnswerNo>(reader.feed(as_bytes(request))));
            }
        }
        StartupOutcome outcome = NeedMore{};
        std::size_t fed = 0;
        while (std::holds_alternative<NeedMore>(outcome)) {
            const std::size_t count = std::min<std::size_t>(stream.size() - fed, 1 + random() % 300);
            ASSERT_GT(count, 0U);
            outcome = reader.feed(as_bytes(std::string_view(stream).substr(fed, count)));
            fed += count;
        }
        ASSERT_TRUE(std::holds_alternative<StartupMessage>(outcome));
        EXPECT_EQ(std::get<StartupMessage>(outcome).raw, start);
        EXPECT_EQ(std::get<StartupMessage>(outcome).raw + reader.take_rest() + stream.substr(fed), stream);
    }
}

FirstPacket judge(std::string_view bytes) {
    return judge_first_packet(as_bytes(bytes));
}

TEST(FirstPacket, IsNamedWhenItIsWhole) {
    EXPECT_EQ(judge(kSslRequest), FirstPacket::ssl_request);
    EXPECT_EQ(judge(kGssEncRequest), FirstPacket::gss_request);
    EXPECT_EQ(judge(kStartup), FirstPacket::startup_message);
    EXPECT_EQ(judge(packet(u32(kCancelRequestCode) + "pid_secr")), FirstPacket::cancel_request);
    EXPECT_EQ(judge("\x16"), FirstPacket::tls);
}

TEST(FirstPacket, MayBeSaidTwiceAloneAndWhereItOnlyBeginsAConnection) {
    const auto may = [](std::string_view bytes) { return may_be_said_twice(judge(bytes), as_bytes(bytes)); };
    const std::string hello("\x16\x03\x01\x00\x04helo", 9);
    for (const std::string& good :
         {std::string(kSslRequest), std::string(kGssEncRequest), std::string(kStartup), hello}) {
        EXPECT_TRUE(may(good));
        EXPECT_FALSE(may(good + "Q"));
    }
    EXPECT_TRUE(may("\x16")) << "the rest of the ClientHello follows";
    EXPECT_FALSE(may(packet(u32(kCancelRequestCode) + "pid_secr")));
    EXPECT_FALSE(may("")) << "nothing is known of it";
    EXPECT_FALSE(may("GET / HTTP/1.1"));
}

TEST(FirstPacket, IsIncompleteUntilItsLastByte) {
    EXPECT_EQ(judge(""), FirstPacket::incomplete);
    for (const auto& whole : {kSslRequest, kStartup}) {
        for (std::size_t count = 0; count < whole.size(); ++count) {
            EXPECT_EQ(judge(whole.substr(0, count)), FirstPacket::incomplete) << count;
        }
    }
}

TEST(FirstPacket, IsTakenForNothingThatTheReaderTakesItNotFor) {
    for (const std::uint32_t kind : kEveryKind) {
        for (std::size_t bytes = 0; bytes <= 300; ++bytes) {
            const std::string whole = packet(u32(kind) + body_of(bytes, 1));
            const auto outcome = feed_all(whole);
            if (std::holds_alternative<StartupMessage>(outcome)) {
                EXPECT_EQ(judge(whole), FirstPacket::startup_message);
            } else if (std::holds_alternative<CancelRequest>(outcome)) {
                EXPECT_EQ(judge(whole), FirstPacket::cancel_request);
            } else if (std::holds_alternative<AnswerNo>(outcome)) {
                EXPECT_EQ(judge(whole),
                          kind == kSslRequestCode ? FirstPacket::ssl_request : FirstPacket::gss_request);
            } else {
                EXPECT_NE(judge(whole), FirstPacket::incomplete) << kind << " " << bytes;
            }
        }
    }
}

TEST(FirstPacket, OfAnotherProtocolIsForeign) {
    for (const auto& bytes :
         {"GET / HTTP/1.1"s, "\0\0\0\7"s, "\0\xff\0\0"s, packet(u32(kSslRequestCode) + "x")}) {
        EXPECT_EQ(judge(bytes), FirstPacket::foreign) << testing::PrintToString(bytes);
    }
}

}  // namespace
}  // namespace postern::postgres
