// Hashes, random bytes and base64, straight on OpenSSL.
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

Sha256 sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

/// Cryptographically strong bytes; throws std::runtime_error if OpenSSL has none.
std::vector<unsigned char> random_bytes(std::size_t count);
/// `bytes` random bytes in base64url without padding (RFC 4648, section 5): for tokens.
Secret random_token(std::size_t bytes);

std::string base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

/// Equality in constant time for equal lengths.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace postern::pki
