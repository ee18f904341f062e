// Percent-encoding (RFC 3986, section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::http {

/// The bytes that `text` stands for: each %XX is the byte XX, and every other character is itself. Nothing
/// when a % is not followed by two hexadecimal digits. The result may hold any byte, also NUL.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace postern::http
