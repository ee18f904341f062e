// Digests, random bytes and base64, implemented with OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::pki {

using Sha256 = std::array<unsigned char, 32>;

/// Throws std::runtime_error if OpenSSL fails.
Sha256 sha256(std::string_view bytes);
/// sha256() in lower-case hex.
std::string sha256_hex(std::string_view bytes);

/// Returns cryptographically strong random bytes. Throws std::runtime_error if OpenSSL has none.
std::vector<unsigned char> random_bytes(std::size_t count);
/// Returns a token: `bytes` random bytes in base64url without padding (RFC 4648, section 5).
Secret random_token(std::size_t bytes);

/// Encodes with padding (RFC 4648, section 4).
std::string base64(std::string_view bytes);
/// Decodes the canonical form of base64(). Fails with Code::malformed_request for anything else.
Result<std::string> from_base64(std::string_view text);

/// Compares two texts. The time depends on their lengths only.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace postern::pki
