#include <cctype>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/reason.hpp"
#include "postgres/error_response.hpp"
#include "postgres/rejection_message.hpp"
#include "support/postgres_bytes.hpp"

namespace postern::postgres {
namespace {

using namespace std::string_literals;
using namespace test;

TEST(FatalError, ReadsBackAsItWasMade) {
    const auto bytes = fatal_error({reason_of(Code::policy_denied).sqlstate, "alice may not use orders-db",
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
    const auto bytes = fatal_error({"28000", "a\0CXX000"s, "line\nline\x1b[31m\u202e", std::string(5000, 'i')});
    const auto fields = parse_error_response(as_bytes(bytes));
    ASSERT_TRUE(fields.has_value());
    EXPECT_EQ(fields->sqlstate, "28000");
    EXPECT_EQ(fields->message, "a");
    EXPECT_EQ(fields->hint, "line\\nline\\x1b[31m\\u202e");
    EXPECT_LE(fields->detail.size(), 1024U);
}

TEST(FatalError, HasAnSqlstateForEveryCode) {
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        EXPECT_EQ(reason_of(static_cast<Code>(code)).sqlstate.size(), 5U);
    }
}

/// What meets whoever asks at this port now: pg_isready says "rejecting", clients go on to their next host.
TEST(Sqlstate, IsCannotConnectNowWhereNobodyGetsThrough) {
    for (const Code code : {Code::unreachable,
                            Code::timed_out,
                            Code::end_of_stream,
                            Code::cancelled,
                            Code::backend_unreachable,
                            Code::backend_timed_out,
                            Code::backend_refused_tls,
                            Code::tls_failed,
                            Code::tls_version,
                            Code::not_tls,
                            Code::crl_stale,
                            Code::audit_unavailable,
                            Code::unavailable,
                            Code::shutting_down,
                            Code::out_of_resources,
                            Code::io_failed,
                            Code::config_invalid,
                            Code::unknown_service,
                            Code::unauthenticated,
                            Code::session_ended,
                            Code::expired,
                            Code::not_yet_valid,
                            Code::unknown_issuer,
                            Code::wrong_server_identity}) {
        EXPECT_EQ(reason_of(code).sqlstate, "57P03") << name(code);
    }
}

TEST(Sqlstate, IsAboutThePersonWhereTheyAreRefused) {
    for (const Code code : {Code::policy_denied, Code::revoked, Code::user_disabled}) {
        EXPECT_EQ(reason_of(code).sqlstate, "42501") << name(code);
    }
    EXPECT_EQ(reason_of(Code::login_name_mismatch).sqlstate, "28000");
    EXPECT_EQ(reason_of(Code::limit_reached).sqlstate, "53300");
    EXPECT_EQ(reason_of(Code::malformed_request).sqlstate, "08P01");
    EXPECT_EQ(reason_of(Code::killed).sqlstate, "57P01");
}

TEST(Sqlstate, IsWhatTheTableInTheDocumentationSays) {
    std::ifstream file(POSTERN_SQLSTATES_PAGE);
    std::map<std::string, std::string> told;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("| ") || !std::isdigit(static_cast<unsigned char>(line[2]))) {
            if (!line.starts_with("| XX000")) {
                continue;
            }
        }
        const std::string sqlstate = line.substr(2, 5);
        const auto end = line.find('|', line.find('|', 1) + 1);
        for (auto at = line.find('`'); at < end; at = line.find('`', line.find('`', at + 1) + 1)) {
            const auto close = line.find('`', at + 1);
            const std::string reason = line.substr(at + 1, close - at - 1);
            if (reason.find(' ') == reason.npos) {
                EXPECT_TRUE(told.emplace(reason, sqlstate).second) << reason;
            }
        }
    }
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        const std::string reason(name(static_cast<Code>(code)));
        EXPECT_EQ(told[reason], reason_of(static_cast<Code>(code)).sqlstate) << reason;
    }
}

TEST(ParseErrorResponse, RefusesWhatIsNone) {
    for (const auto& bytes : {""s, "E"s, message('D', "\0"s), message('E', ""), message('E', "SFATAL"),
                              message('E', "SFATAL\0"s), message('E', "\0"s) + "x", message('E', "\0x"s)}) {
        EXPECT_FALSE(parse_error_response(as_bytes(bytes)).has_value()) << testing::PrintToString(bytes);
    }
}

TEST(Farewell, IsToldInTheLanguageOfThePeer) {
    const Refusal refusal{"08P01", "the client began with TLS", "Set sslmode=prefer.", {}};
    EXPECT_EQ(rejection_message(Language::postgres, refusal), fatal_error(refusal));
    EXPECT_EQ(rejection_message(Language::tls, refusal), "\x15\x03\x03\0\x02\x02\x31"s);
    EXPECT_EQ(rejection_message(Language::http, refusal),
              "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 47\r\n"
              "Connection: close\r\n\r\nthe client began with TLS.\nSet sslmode=prefer.\n");
    EXPECT_EQ(rejection_message(Language::unknown, refusal), "");
}

}  // namespace
}  // namespace postern::postgres
