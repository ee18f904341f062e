// What a person's own psql would see behind a local port: the only one who knows their database password
// (PGPASSWORD, ~/.pgpass), without which PostgreSQL does not say whether the certificate fits the user.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct PsqlAnswer {
    enum class Kind {
        /// A query ran.
        answered,
        /// PostgreSQL wants a password, and none is at hand.
        no_password,
        /// There is no psql on this machine.
        no_psql,
        /// Refused, with the message.
        refused,
    };
    Kind kind = Kind::refused;
    /// PostgreSQL's own words, without psql's.
    std::string message;
};

/// Of what psql wrote to its standard error when a connection failed. Pure.
PsqlAnswer psql_complaint(std::string_view text);

/// Runs `psql -w` on localhost. Blocking, twenty seconds at most.
PsqlAnswer ask_psql(unsigned short port, const std::string& user, const std::string& database);

}  // namespace postern::client
