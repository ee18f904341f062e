// The part of `postern doctor` that checks one service: the policy, the path to its PostgreSQL, and
// PostgreSQL's own answer.
#pragma once

#include <string>

#include "client-proxy/commands/diagnostic_report.hpp"

namespace postern::client {

/// Opens the service through the agent, in the same way as psql. When `database` is empty, the one that was
/// used last is used, or else postgres. It blocks.
void check_service(DiagnosticReport& report, const std::string& service, const std::string& user,
                   const std::string& database);

/// Reports the meaning of the code in PostgreSQL's AuthenticationRequest. It does no I/O.
void judge_authentication(DiagnosticReport& report, const std::string& step, std::uint32_t code,
                          const std::string& user);

}  // namespace postern::client
