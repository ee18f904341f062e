// What the gateway says over HTTP: refusals with Proxy-Status (RFC 9209) and a problem body (RFC 9457), and
// the two documents that it serves. Pure.
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

/// Whom and what a refusal is about; empty where it is not known.
struct RefusalSubject {
    std::string_view user;
    std::string_view service;
    std::string_view connection_id;
};

/// The cause in one sentence, and the next step, for the person who is refused.
http::Problem problem_of(Code code, const RefusalSubject& subject);
/// Why an open tunnel was cut, in one sentence.
std::string cut_message(Code code, std::string_view user, std::string_view service);
/// The problem as a response of the gateway named `gateway`: with Proxy-Status and Postern-Connection.
http::Response refusal(const http::Problem& problem, std::string_view gateway);

/// GET /v1/services: what this identity may use, and nothing of the rest.
http::Response services_answer(const Policy& policy, const Identity& identity);
/// GET /v1/connections/<id>, to its owner.
http::Response connection_answer(std::string_view id, const ConnectionEntry& entry);

}  // namespace postern::gateway
