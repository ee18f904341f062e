// What a person pastes into a terminal or a program to reach a service at its local port. Pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "client-proxy/tunnel/local_port.hpp"

namespace postern::client {

struct ConnectionPlace {
    std::string service;
    Mode mode = Mode::end_to_end;
    unsigned short port = 0;
    std::string user;
    /// The login's files, for a client that does TLS itself (passthrough).
    std::string certificate_file;
    std::string key_file;
    std::string server_ca_file;
    /// Empty: the program's own default, which is the user's name.
    std::string database = {};
    /// Of PostgreSQL's Unix socket; empty where there is none.
    std::string socket_folder = {};
    /// The DNS name by which a client that does TLS itself knows this service and no other (passthrough). It
    /// is not looked up: the port is on localhost. Empty where there is none.
    std::string server_host = {};
};

/// `psql`, `jdbc`, `dsn`, `env`; passed through, all of them name `server_host`, and without one there is
/// nothing that would prove the service, and so no line. `socket`, where there is one, is psql through the
/// Unix socket.
nlohmann::json connection_lines(const ConnectionPlace& place);

}  // namespace postern::client
