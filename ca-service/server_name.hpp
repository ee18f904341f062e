// The names that a server's certificate may bear (DNS names and IP addresses), and how they are written in a
// URL and in a SPIFFE ID.
#pragma once

#include <string>
#include <string_view>

namespace postern::ca {

/// Returns whether `text` is a DNS name of letters, digits and hyphens (RFC 1123; no wildcard, no trailing
/// dot), or an IP address.
bool is_server_name(std::string_view text) noexcept;

/// Returns "https://NAME:PORT", with an IPv6 address in brackets (RFC 3986, section 3.2.2).
std::string https_url(std::string_view name, std::string_view port);

/// Returns the server name as the last part of a SPIFFE ID, which has no colons: "::1" becomes "ip6---1", a
/// name without colons stays as it is.
std::string spiffe_segment(std::string_view name);

}  // namespace postern::ca
