// Where somebody listens, read once from what people write.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::net {

/// A host and a port: "db.example.org:5432", "127.0.0.1:5432", "[::1]:5432", or "unix:/run/x.sock". In normal
/// form when parse_address() made it: names in lower case, IP addresses as the system writes them.
struct Address {
    std::string host;
    std::string port;
    bool is_unix = false;

    std::string text() const;
};

/// Code::malformed_request with what is wrong and what it looks like. The host may be "*", the port 0: who
/// reads the setting knows whether that means anything there.
Result<Address> parse_address(std::string_view text);

/// Whether `text` is the textual form of an IPv4 or IPv6 address, without brackets and port.
bool is_ip_address(const std::string& text);

/// What Listener takes: a Unix socket, an IP address, localhost, or * for all of both kinds.
bool is_listenable(const Address& address);

}  // namespace postern::net
