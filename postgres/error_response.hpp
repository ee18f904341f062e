// Writes and reads the ErrorResponse of PostgreSQL's protocol, in which a refusal reaches psql, JDBC and
// pgAdmin (https://www.postgresql.org/docs/current/protocol-error-fields.html).
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "postgres/wire.hpp"

namespace postern::postgres {

/// SQLSTATE admin_shutdown, for an open session that is ended from outside.
inline constexpr std::string_view kCutSession = "57P01";

/// The content of an ErrorResponse.
struct Refusal {
    std::string_view sqlstate;
    /// What happened and why, in one line.
    std::string message;
    /// What to do next, in one line; may be empty.
    std::string hint;
    /// The connection's id in the audit log; may be empty.
    std::string connection_id;
};

/// Returns an ErrorResponse of severity FATAL with the fields S, V, C, M, D ("Postern connection <id>") and
/// H. Each text ends at its first zero byte, is cut at 1,000 bytes, and is escaped as shown() does.
std::string fatal_error(const Refusal& refusal);

/// The fields of an ErrorResponse that Postern uses; empty when absent.
struct ErrorFields {
    std::string severity;
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
};

/// Parses one complete ErrorResponse or NoticeResponse, including its type byte. Fails with
/// Code::malformed_request.
Result<ErrorFields> parse_error_response(Bytes message);

}  // namespace postern::postgres
