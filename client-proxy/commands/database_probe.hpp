// Whether a PostgreSQL behind a local port takes a person's connection: sends a StartupMessage, and reads the
// first answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"
#include "postgres/error_response.hpp"

namespace postern::client {

struct ProbeAnswer {
    /// What PostgreSQL, the gateway or the agent refused with; nothing when it goes on to authentication.
    std::optional<postgres::ErrorFields> error;
    /// The code of PostgreSQL's AuthenticationRequest (its manual, "Message Formats"): 0 nothing is asked
    /// for, 3 a password, 5 its MD5, 10 SASL.
    std::uint32_t authentication = 0;
};

/// Code::backend_timed_out when nothing comes back in that time, which is more than 0. Blocking.
Outcome<ProbeAnswer> probe_database(unsigned short port, const std::string& user, const std::string& database,
                                    std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace postern::client
