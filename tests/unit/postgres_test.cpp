#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/auth_filter.hpp"
#include "postgres/error_response.hpp"
#include "postgres/first_packet.hpp"
#include "postgres/startup.hpp"

namespace postern::postgres {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::string u32(std::uint32_t value) {
    std::string out;
    append_u32(out, value);
    return out;
}

std::string packet(std::string_view payload) {
    return u32(static_cast<std::uint32_t>(payload.size() + 4)) + std::string(payload);
}

std::string message(char type, std::string_view body) {
    return type + u32(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

const std::string kSslRequest = packet(u32(kSslRequestCode));
const std::string kGssEncRequest = packet(u32(kGssEncRequestCode));

std::string startup(std::string_view parameters, std::uint32_t version = 0x00030000) {
    return packet(u32(version) + std::string(parameters));
}
const std::string kStartup = startup("user\0alice\0database\0orders\0application_name\0psql\0\0"s);

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
    EXPECT_FALSE(refusal_of("\x16").speaks_postgres);
    EXPECT_THAT(refusal_of("G").message, HasSubstr("HTTP"));
    EXPECT_FALSE(refusal_of("\xff").speaks_postgres);
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

FirstPacket judge(std::string_view bytes) { return judge_first_packet(as_bytes(bytes)); }

TEST(FirstPacket, IsNamedWhenItIsWhole) {
    EXPECT_EQ(judge(kSslRequest), FirstPacket::ssl_request);
    EXPECT_EQ(judge(kGssEncRequest), FirstPacket::gss_request);
    EXPECT_EQ(judge(kStartup), FirstPacket::startup_message);
    EXPECT_EQ(judge(packet(u32(kCancelRequestCode) + "pid_secr")), FirstPacket::cancel_request);
    EXPECT_EQ(judge("\x16"), FirstPacket::tls);
}

TEST(FirstPacket, IsIncompleteUntilItsLastByte) {
    EXPECT_EQ(judge(""), FirstPacket::incomplete);
    for (const auto& whole : {kSslRequest, kStartup}) {
        for (std::size_t count = 0; count < whole.size(); ++count) {
            EXPECT_EQ(judge(whole.substr(0, count)), FirstPacket::incomplete) << count;
        }
    }
}

TEST(FirstPacket, OfAnotherProtocolIsForeign) {
    for (const auto& bytes : {"GET / HTTP/1.1"s, "\0\0\0\7"s, "\0\xff\0\0"s, packet(u32(kSslRequestCode) + "x")}) {
        EXPECT_EQ(judge(bytes), FirstPacket::foreign) << testing::PrintToString(bytes);
    }
}

// The server's side of a start-up.
std::string sasl(std::string_view mechanisms) {
    return message('R', u32(10) + std::string(mechanisms));
}
const std::string kOffer = sasl("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s);
const std::string kPlainOffer = sasl("SCRAM-SHA-256\0\0"s);
const std::string kKey = u32(4711) + "sekr";
const std::string kBehindOffer =
    message('R', u32(11) + "r=server-nonce,s=salt,i=4096") + message('R', u32(12) + "v=proof") +
    message('R', u32(0)) + message('S', "server_version\00015\0"s) + message('K', kKey) + message('Z', "I");

std::string pass_in_pieces(AuthFilter& filter, std::string_view stream,
                           const std::vector<std::size_t>& cuts) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
        const std::size_t to = i < cuts.size() ? cuts[i] : stream.size();
        const auto passed = filter.pass(as_bytes(stream.substr(from, to - from)));
        EXPECT_TRUE(passed.has_value());
        if (!passed) {
            return out;
        }
        out.append(as_text(*passed));
        from = to;
    }
    return out;
}

TEST(AuthFilter, TakesOutChannelBindingAndNothingElseAtEverySplit) {
    const std::string stream = kOffer + kBehindOffer;
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); second += 7) {
            AuthFilter filter;
            const auto out = pass_in_pieces(filter, stream, {first, second});
            ASSERT_EQ(out, kPlainOffer + kBehindOffer) << first << " " << second;
            EXPECT_EQ(filter.backend_key(), kKey);
            EXPECT_TRUE(filter.is_startup_over());
            EXPECT_TRUE(filter.is_at_boundary());
        }
    }
}

TEST(AuthFilter, PassesAnOfferWithoutChannelBindingUnchanged) {
    for (const auto& offer : {kPlainOffer, sasl("OAUTHBEARER\0SCRAM-SHA-256\0\0"s), sasl("\0"s), sasl("")}) {
        AuthFilter filter;
        EXPECT_EQ(pass_in_pieces(filter, offer, {}), offer);
    }
}

TEST(AuthFilter, KeepsTheOrderOfWhatIsLeft) {
    AuthFilter filter;
    EXPECT_EQ(pass_in_pieces(filter, sasl("A\0SCRAM-SHA-256-PLUS\0B\0\0"s), {}), sasl("A\0B\0\0"s));
}

TEST(AuthFilter, RefusesAServerThatInsistsOnChannelBinding) {
    AuthFilter filter;
    const auto passed = filter.pass(as_bytes(sasl("SCRAM-SHA-256-PLUS\0\0"s)));
    ASSERT_FALSE(passed.has_value());
    EXPECT_EQ(passed.error().code, Code::unavailable);
}

TEST(AuthFilter, HoldsNoMoreThanARealOfferNeeds) {
    AuthFilter filter;
    const std::string head = 'R' + u32(100'000) + u32(10);
    EXPECT_FALSE(filter.pass(as_bytes(head)).has_value());
}

TEST(AuthFilter, PassesOtherLargeAuthenticationMessages) {
    AuthFilter filter;
    const std::string gss = message('R', u32(8) + std::string(40'000, 'g'));
    EXPECT_EQ(pass_in_pieces(filter, gss, {1, 6, 8, 20'000}), gss);
    EXPECT_TRUE(filter.is_at_boundary());
}

TEST(AuthFilter, ChangesNothingOnceTheSessionIsOpen) {
    AuthFilter filter;
    pass_in_pieces(filter, kOffer + kBehindOffer, {});
    EXPECT_EQ(pass_in_pieces(filter, kOffer, {4, 9}), kOffer);
    EXPECT_EQ(pass_in_pieces(filter, message('K', u32(1) + "othr"), {}), message('K', u32(1) + "othr"));
    EXPECT_EQ(filter.backend_key(), kKey);
}

TEST(AuthFilter, KnowsWhetherAMessageIsCut) {
    AuthFilter filter;
    pass_in_pieces(filter, kOffer + kBehindOffer, {});
    const std::string row = message('D', std::string(100, 'd'));
    for (std::size_t cut = 1; cut < row.size(); ++cut) {
        pass_in_pieces(filter, row.substr(0, cut), {});
        EXPECT_FALSE(filter.is_at_boundary()) << cut;
        pass_in_pieces(filter, row.substr(cut), {});
        EXPECT_TRUE(filter.is_at_boundary()) << cut;
    }
}

TEST(AuthFilter, CanBeSpokenForBetweenMessagesOfTheStart) {
    AuthFilter filter;
    EXPECT_TRUE(filter.is_at_boundary());
    pass_in_pieces(filter, kOffer.substr(0, 20), {});  // held back
    EXPECT_TRUE(filter.is_at_boundary());
    pass_in_pieces(filter, kOffer.substr(20) + message('S', "abc\0d\0"s).substr(0, 7), {});
    EXPECT_FALSE(filter.is_at_boundary());
}

TEST(AuthFilter, TakesKeysOfProtocol32) {
    AuthFilter filter;
    const std::string key = u32(1) + std::string(256, 'k');
    pass_in_pieces(filter, message('R', u32(0)) + message('K', key) + message('Z', "I"), {20, 100});
    EXPECT_EQ(filter.backend_key(), key);
}

TEST(AuthFilter, DoesNotTakeAKeyOfImpossibleLength) {
    AuthFilter filter;
    const std::string stream = message('K', u32(1) + std::string(257, 'k')) + message('Z', "I");
    EXPECT_EQ(pass_in_pieces(filter, stream, {}), stream);
    EXPECT_EQ(filter.backend_key(), "");
    EXPECT_TRUE(filter.is_startup_over());
}

TEST(AuthFilter, PassesWhatIsNoMessageAndNeverSpeaksInIt) {
    AuthFilter filter;
    const std::string garbage = "E\0\0\0\1garbage"s;
    EXPECT_EQ(pass_in_pieces(filter, garbage, {3, 5}), garbage);
    EXPECT_FALSE(filter.is_at_boundary());
    EXPECT_EQ(pass_in_pieces(filter, kOffer, {}), kOffer);
}

TEST(AuthFilter, PassesRandomConversationsByteForByte) {
    std::mt19937 random(20261122);
    for (int round = 0; round < 500; ++round) {
        std::string before;
        std::string after;
        for (int i = static_cast<int>(random() % 5); i > 0; --i) {
            before += message("SNEv"[random() % 4], std::string(random() % 300, 's'));
        }
        after = kBehindOffer;
        for (int i = static_cast<int>(random() % 20); i > 0; --i) {
            after += message("RDdWHKECTtn123"[random() % 14], std::string(random() % 3000, 'd'));
        }
        const std::string stream = before + kOffer + after;
        std::vector<std::size_t> cuts(random() % 40);
        for (auto& cut : cuts) {
            cut = random() % (stream.size() + 1);
        }
        std::sort(cuts.begin(), cuts.end());
        AuthFilter filter;
        ASSERT_EQ(pass_in_pieces(filter, stream, cuts), before + kPlainOffer + after) << round;
        EXPECT_TRUE(filter.is_at_boundary());
    }
}

TEST(FatalError, ReadsBackAsItWasMade) {
    const auto bytes = fatal_error({sqlstate_of(Code::policy_denied), "alice may not use orders-db",
                                    "Ask an administrator.", "0193-id"});
    const auto fields = parse_error_response(as_bytes(bytes));
    ASSERT_TRUE(fields.has_value());
    EXPECT_EQ(fields->severity, "FATAL");
    EXPECT_EQ(fields->sqlstate, "42501");
    EXPECT_EQ(fields->message, "alice may not use orders-db");
    EXPECT_EQ(fields->detail, "Postern connection 0193-id");
    EXPECT_EQ(fields->hint, "Ask an administrator.");
}

TEST(FatalError, LeavesOutWhatIsNotKnown) {
    const auto fields = parse_error_response(as_bytes(fatal_error({"XX000", "", "", ""})));
    ASSERT_TRUE(fields.has_value());
    EXPECT_NE(fields->message, "");
    EXPECT_EQ(fields->detail, "");
    EXPECT_EQ(fields->hint, "");
}

TEST(FatalError, CannotBeForgedByItsTexts) {
    const auto bytes = fatal_error({"28000", "a\0CXX000"s, "line\nline\x1b[31m", std::string(5000, 'i')});
    const auto fields = parse_error_response(as_bytes(bytes));
    ASSERT_TRUE(fields.has_value());
    EXPECT_EQ(fields->sqlstate, "28000");
    EXPECT_EQ(fields->message, "a");
    EXPECT_EQ(fields->hint, "line line [31m");
    EXPECT_LE(fields->detail.size(), 1024U);
}

TEST(FatalError, HasAnSqlstateForEveryCode) {
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        EXPECT_EQ(sqlstate_of(static_cast<Code>(code)).size(), 5U);
    }
}

TEST(ParseErrorResponse, RefusesWhatIsNone) {
    for (const auto& bytes : {""s, "E"s, message('D', "\0"s), message('E', ""), message('E', "SFATAL"),
                              message('E', "SFATAL\0"s), message('E', "\0"s) + "x", message('E', "\0x"s)}) {
        EXPECT_FALSE(parse_error_response(as_bytes(bytes)).has_value()) << testing::PrintToString(bytes);
    }
}

}  // namespace
}  // namespace postern::postgres
