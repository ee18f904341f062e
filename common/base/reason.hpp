// The table of reasons: what each protocol and each program says of a Code. Who has better words for a case of its own says those;
// everything else is in one row here.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace postern {

struct Reason {
    Code code = Code::internal;
    /// In logs, problem bodies and audit records. Part of the audit format: never renamed.
    std::string_view name{};
    /// RFC 9110, section 15.
    unsigned http_status = 0;
    /// PostgreSQL, appendix A. What clients do with it decides: docs/sqlstates.md.
    std::string_view sqlstate{};
    /// The error type of the field Proxy-Status (RFC 9209, section 2.3).
    std::string_view proxy_error{};
    /// Of postern: 3 its configuration, 4 denied, 5 not reached, 1 everything else.
    int exit_code = 1;
    /// For a person: what happened, as a sentence.
    std::string_view title{};
    /// What to do next, as a sentence.
    std::string_view hint{};
};

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Code::internal) + 1;

/// One row for each Code, in the order of the enumeration.
std::span<const Reason, kReasonCount> reasons() noexcept;
const Reason& reason_of(Code code) noexcept;
/// The code of that name; Code::internal for one that is not known here.
Code code_named(std::string_view name) noexcept;

}  // namespace postern
