// What a person reads when the CA service refuses: cause, and next step.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "http/server.hpp"

namespace postern::ca::api {

/// What was asked for, since the same Code reads differently.
enum class Asked { login, renewal, enrolment, other };

/// Makes the problem body of a refusal, and logs it: what is this service's own fault as an error, a bounded
/// number of times a minute; the others for debugging alone, since strangers can cause them without end (the
/// audit log has those that count). `retry_after` becomes the field of that name (RFC 9110,
/// section 10.2.3).
http::Response refusal(Asked asked, const Failure& failure, const std::string& connection_id,
                       std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

}  // namespace postern::ca::api
