// Durations as people write them: "250ms", "30s", "5m", "1h", "7d", "1h30m".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Parses one or more pairs of a number and a unit (ms, s, m, h, d). A sign, a number without a unit and a
/// total of more than ten years are refused with Code::config_invalid.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Formats a duration in the same notation, exactly and as short as possible: "1h30m". Zero and negative
/// durations give "0s".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace postern
