// The gateway's HTTP responses: refusals with Proxy-Status (RFC 9209) and a problem body (RFC 9457), and the
// two documents that it serves. This file is pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/tunnel/connection_directory.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/policy/policy.hpp"
#include "http/problem.hpp"
#include "http/server.hpp"

namespace postern::gateway {

/// The user, service and connection that a refusal is about; a member is empty when it is not known.
struct RefusalSubject {
    std::string_view user;
    std::string_view service;
    std::string_view connection_id;
};

/// Returns the cause in one sentence and the next step, for the person who is refused.
http::Problem problem_of(Code code, const RefusalSubject& subject);
/// Returns in one sentence why an open tunnel was cut.
std::string cut_message(Code code, std::string_view user, std::string_view service);
/// Makes the response, with Proxy-Status and Postern-Connection, of the gateway named `gateway`.
http::Response refusal(const http::Problem& problem, std::string_view gateway);

/// Makes the answer to GET /v1/services, which lists only the services that this identity may use.
http::Response services_answer(const Policy& policy, const Identity& identity);
/// Makes the answer to GET /v1/connections/<id>; the caller has checked that the connection is the client's
/// own.
http::Response connection_answer(std::string_view id, const ConnectionEntry& entry);

}  // namespace postern::gateway
