// Parses and prints JSON (RFC 8259). All JSON goes through here, so that the same bounds hold for every
// author and the parser and the printer are compiled once.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace postern {

/// The deepest nesting that is accepted (RFC 8259, section 9), because code that walks a value recursively
/// needs stack space for each level.
inline constexpr int kDeepestJson = 64;
/// For audit records and event logs, which must be shown whatever they contain: their readers take single
/// members and do not walk the value recursively.
inline constexpr int kAnyDepth = std::numeric_limits<int>::max();

/// Parses `text`. The result is_discarded() if `text` is not JSON or is nested deeper than `most_depth`.
nlohmann::json parse_json(std::string_view text, int most_depth = kDeepestJson);

/// Prints the value as one line of UTF-8, without a line end. In all functions below, too, bytes that are not
/// UTF-8 become U+FFFD.
std::string json_text(const nlohmann::json& value);
/// Prints the value as ASCII; other characters are escaped. With an `indent` of 0 or more each member is on a
/// line of its own, indented by that many blanks per level.
std::string ascii_json_text(const nlohmann::json& value, int indent = -1);
std::string ascii_json_text(const nlohmann::ordered_json& value, int indent = -1);
/// Prints the value for a file that people also read: UTF-8, indented by two blanks per level, with a line
/// end.
std::string json_file_text(const nlohmann::json& value);

}  // namespace postern
