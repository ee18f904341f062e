// JSON text to its value and back (RFC 8259), in one place: the same bounds for whoever wrote it, and the parser and the
// printer are compiled once.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace postern {

/// How deep a value may be nested (RFC 8259, section 9): whoever walks it needs stack for each level.
inline constexpr int kDeepestJson = 64;
/// For evidence, which is shown whatever it is: who reads it takes single members and walks nothing.
inline constexpr int kAnyDepth = std::numeric_limits<int>::max();

/// The value of a text; is_discarded() where it is no JSON, or nested more than `most_depth` deep.
nlohmann::json parse_json(std::string_view text, int most_depth = kDeepestJson);

/// The value in one line of UTF-8, without an end of line. Bytes that are no UTF-8 become U+FFFD, here and below.
std::string json_text(const nlohmann::json& value);
/// The same in ASCII alone; what is beyond it is escaped. `indent`: by so many blanks on lines of their own.
std::string ascii_json_text(const nlohmann::json& value, int indent = -1);
std::string ascii_json_text(const nlohmann::ordered_json& value, int indent = -1);
/// For a file that people read, too: indented by two, with an end of line.
std::string json_file_text(const nlohmann::json& value);

}  // namespace postern
