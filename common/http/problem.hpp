// Refusals over HTTP: a status and a problem body (RFC 9457) that names the cause, the next step and the
// connection id.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::http {

/// A refusal as a person is told of it.
struct Problem {
    Code code = Code::internal;
    /// One sentence for a person: what happened and why.
    std::string title;
    /// What a person can do next.
    std::string hint;
    /// Empty if there is none.
    std::string connection_id;
};

/// Formats application/problem+json: type ("urn:postern:problem:<code>"), title, status, detail (the hint),
/// and the extension members "code" and "connection_id".
std::string to_json(const Problem& problem);
/// Parses a problem body; an unknown code becomes Code::internal. Fails with Code::malformed_request when it
/// is not a problem body.
Result<Problem> problem_from_json(std::string_view body);

}  // namespace postern::http
