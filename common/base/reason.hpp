// The table of reasons: what each protocol and each program says about a Code. A program that knows more
// about a case uses words of its own; everything else is in one row here.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// One row of the table.
struct Reason {
    Code code = Code::internal;
    /// The name in logs, problem bodies and audit records. It is part of the audit format and is never
    /// renamed.
    std::string_view name{};
    /// The HTTP status code (RFC 9110, section 15).
    unsigned http_status = 0;
    /// The SQLSTATE (PostgreSQL manual, appendix A), chosen by how clients react to it: docs/sqlstates.md.
    std::string_view sqlstate{};
    /// The error type in the field Proxy-Status (RFC 9209, section 2.3).
    std::string_view proxy_error{};
    /// The exit code of `postern`: 3 for its configuration, 4 for denied, 5 for unreachable, 1 for everything
    /// else.
    int exit_code = 1;
    /// A sentence that tells a person what happened.
    std::string_view title{};
    /// A sentence that tells a person what to do next.
    std::string_view hint{};
};

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Code::internal) + 1;

/// One row for each Code, in the order of the enumeration.
std::span<const Reason, kReasonCount> reasons() noexcept;
/// The row of `code`; that of Code::internal for a value outside the enumeration.
const Reason& reason_of(Code code) noexcept;
/// The code of that name; Code::internal if the name is not known.
Code code_named(std::string_view name) noexcept;

}  // namespace postern
