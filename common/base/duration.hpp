// Durations as people write them: "250ms", "30s", "5m", "1h", "7d", "1h30m".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Reads one or more number-and-unit pairs; units ms, s, m, h, d. No sign, no bare numbers, at most ten
/// years.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest exact text of the same form: "1h30m", "0s".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace postern
