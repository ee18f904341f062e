// The names that a server's certificate may bear: DNS names and IP addresses.
#pragma once

#include <string_view>

namespace postern::ca {

/// A DNS name of letters, digits and hyphens (RFC 1123; no wildcard, no trailing dot), or an IP address.
bool is_server_name(std::string_view text) noexcept;

}  // namespace postern::ca
