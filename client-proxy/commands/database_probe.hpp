// Checks whether a PostgreSQL behind a local port accepts a person's connection: sends a StartupMessage and
// reads the first answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"
#include "postgres/error_response.hpp"

namespace postern::client {

struct ProbeAnswer {
    /// The refusal by PostgreSQL, the gateway or the agent; no value when PostgreSQL proceeds to
    /// authentication.
    std::optional<postgres::ErrorFields> error;
    /// The code of PostgreSQL's AuthenticationRequest (PostgreSQL manual, "Message Formats"): 0 means that
    /// nothing is asked for, 3 a password, 5 its MD5 hash, 10 SASL.
    std::uint32_t authentication = 0;
};

/// Connects to localhost. It blocks. `timeout` is more than 0 and applies to each read. Errors:
/// Code::backend_timed_out when no complete answer comes back.
Outcome<ProbeAnswer> probe_database(unsigned short port, const std::string& user, const std::string& database,
                                    std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace postern::client
