// A refusal in PostgreSQL's own words: an ErrorResponse that psql, JDBC and pgAdmin show.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "postgres/wire.hpp"

namespace postern::postgres {

/// For a session that was open and is ended from outside: admin_shutdown.
inline constexpr std::string_view kCutSession = "57P01";

struct Refusal {
    std::string_view sqlstate;
    /// What happened and why, one line.
    std::string message;
    /// What to do next, one line; may be empty.
    std::string hint;
    /// What the audit log has; may be empty.
    std::string connection_id;
};

/// ErrorResponse with severity FATAL: S, V, C, M, D ("Postern connection <id>"), H. Zero bytes in the texts
/// end them, control characters become spaces, and each is cut at 1 KiB.
std::string fatal_error(const Refusal& refusal);

struct ErrorFields {
    std::string severity;
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;
};

/// Reads one whole ErrorResponse or NoticeResponse, type byte included. Code::malformed_request otherwise.
Result<ErrorFields> parse_error_response(Bytes message);

}  // namespace postern::postgres
