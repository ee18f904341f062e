// Bytes as lower-case hexadecimal.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern {

std::string to_hex(std::span<const unsigned char> bytes);

/// Reads an even number of hexadecimal digits of either case. Code::malformed_request otherwise.
Result<std::vector<unsigned char>> from_hex(std::string_view text);

}  // namespace postern
