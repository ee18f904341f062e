// Runs the person's own psql on a local port. Only psql finds their database password (PGPASSWORD,
// ~/.pgpass), without which PostgreSQL does not say whether the certificate fits the user.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct PsqlAnswer {
    enum class Kind {
        /// A query ran.
        answered,
        /// PostgreSQL asks for a password, and psql found none.
        no_password,
        /// There is no psql on this machine.
        no_psql,
        /// The connection or the query was refused, with the message.
        refused,
    };
    Kind kind = Kind::refused;
    /// PostgreSQL's own message, without psql's prefix.
    std::string message;
};

/// Reads what psql wrote to its standard error when a connection failed. It does no I/O.
PsqlAnswer psql_complaint(std::string_view text);

/// Runs a query with `psql -w` on localhost. It blocks, for about twenty seconds at most.
PsqlAnswer ask_psql(unsigned short port, const std::string& user, const std::string& database);

}  // namespace postern::client
