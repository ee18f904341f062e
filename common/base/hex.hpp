// Converts bytes to lower-case hexadecimal digits and back.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern {

std::string to_hex(std::span<const unsigned char> bytes);

/// Parses an even number of hexadecimal digits of either case. Fails with Code::malformed_request for
/// anything else.
Result<std::vector<unsigned char>> from_hex(std::string_view text);

}  // namespace postern
