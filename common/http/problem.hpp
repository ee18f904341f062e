// Refusals over HTTP: a status, and a problem body (RFC 9457) that names cause, next step and connection id.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::http {

struct Problem {
    Code code = Code::internal;
    /// One sentence for the person: what happened and why.
    std::string title;
    /// What to do next.
    std::string hint;
    std::string connection_id;
};

/// application/problem+json: type ("urn:postern:problem:<code>"), title, status, detail (the hint), and the
/// extension members "code" and "connection_id".
std::string to_json(const Problem& problem);
/// Reads one; an unknown code becomes Code::internal. Code::malformed_request when it is no problem body.
Result<Problem> problem_from_json(std::string_view body);

}  // namespace postern::http
