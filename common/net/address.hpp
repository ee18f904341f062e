// Parses the address of a listener or a server from text that people write.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::net {

/// A host and a port ("db.example.org:5432", "127.0.0.1:5432", "[::1]:5432") or a Unix socket
/// ("unix:/run/x.sock"). parse_address() returns it in canonical form: names in lower case, IP addresses as
/// the system prints them.
struct Address {
    /// For a Unix socket, its path.
    std::string host;
    /// Decimal; empty for a Unix socket.
    std::string port;
    bool is_unix = false;

    /// The address as parse_address() reads it.
    std::string text() const;
};

/// Parses an address. Fails with Code::malformed_request, which says what is wrong and shows what an address
/// looks like. The host may be "*" and the port 0: the caller knows whether these make sense for its setting.
Result<Address> parse_address(std::string_view text);

/// Whether `text` is the textual form of an IPv4 or IPv6 address, without brackets and port.
bool is_ip_address(const std::string& text);

/// Whether Listener can bind to it: a Unix socket, an IP address, "localhost", or "*" for all IPv4 and IPv6
/// addresses.
bool is_listenable(const Address& address);

}  // namespace postern::net
