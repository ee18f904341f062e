// Makes text from others (a gateway, the CA, the agent, a local program) safe to show to a person within a
// line: it can neither move the cursor, nor change the direction of the line, nor end it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

/// Whether a terminal or a window would show the character as nothing, or as something other than one glyph
/// in its place: controls, line and paragraph separators, characters that change the direction of text,
/// invisible characters, and noncharacters (Unicode 15, categories Cc, Cf, Zl, Zp, Cs).
bool is_unshowable(char32_t character) noexcept;

/// Returns the text as one line of UTF-8 of at most `limit` bytes, followed by an ellipsis if it was cut.
/// Unshowable characters are written as \n, \t, \x1b or \u202e, bytes that are not UTF-8 as \xff.
std::string shown(std::string_view text, std::size_t limit = 1024);
/// Applies shown() to each line and keeps the line breaks; for text that has several lines, such as the list
/// of a configuration's faults.
std::string shown_lines(std::string_view text);

}  // namespace postern
