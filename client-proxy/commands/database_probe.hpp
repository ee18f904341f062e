// Whether a PostgreSQL behind a local port takes a person's connection: sends a StartupMessage, and reads the
// first answer.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/refusal.hpp"
#include "postgres/error_response.hpp"

namespace postern::client {

struct ProbeAnswer {
    /// What PostgreSQL, the gateway or the agent refused with; nothing when it goes on to authentication.
    std::optional<postgres::ErrorFields> error;
};

/// Code::backend_timed_out when nothing comes back. Blocking, half a minute at most.
Outcome<ProbeAnswer> probe_database(unsigned short port, const std::string& user,
                                    const std::string& database);

}  // namespace postern::client
