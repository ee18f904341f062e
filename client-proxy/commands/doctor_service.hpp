// The part of `postern doctor` that is about one service: policy, the way to its PostgreSQL, and what that
// says itself.
#pragma once

#include <string>

#include "client-proxy/commands/diagnostic_report.hpp"

namespace postern::client {

/// Goes the way that psql goes, through the agent. `database` empty: the one that was used last, else
/// postgres.
void check_service(DiagnosticReport& report, const std::string& service, const std::string& user,
                   const std::string& database);

/// What PostgreSQL's first answer means: whether it goes on, and how. Pure.
void judge_authentication(DiagnosticReport& report, const std::string& step, std::uint32_t code,
                          const std::string& user);

}  // namespace postern::client
