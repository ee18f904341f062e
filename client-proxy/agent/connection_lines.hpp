// The lines that a person pastes into a terminal or a program to reach a service at its local port. Nothing
// here has side effects.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "client-proxy/tunnel/local_port.hpp"

namespace postern::client {

/// What the lines of one service are made of.
struct ConnectionPlace {
    std::string service;
    Mode mode = Mode::end_to_end;
    unsigned short port = 0;
    std::string user;
    /// The files of the login, for a client that does TLS itself (passthrough).
    std::string certificate_file;
    std::string key_file;
    std::string server_ca_file;
    /// When it is empty, programs use their own default, which is the user's name.
    std::string database = {};
    /// The folder of PostgreSQL's Unix socket; empty when there is none.
    std::string socket_folder = {};
    /// The DNS name in the certificate of this service's server and of no other, for a client that verifies
    /// the server itself (passthrough). It is not resolved, because the port is on localhost. Empty when
    /// there is none.
    std::string server_host = {};
};

/// Returns an object with the lines `psql`, `jdbc`, `dsn` and `env`, and with `socket`, which is psql through
/// the Unix socket, where there is one. For passthrough every line names `server_host`; without a server_host
/// the result is null, because nothing would prove the identity of the service.
nlohmann::json connection_lines(const ConnectionPlace& place);

}  // namespace postern::client
