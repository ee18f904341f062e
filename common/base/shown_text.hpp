// What somebody else wrote (a gateway, the CA, the agent, a local program), made fit to stand in a line that
// a person reads: it can neither move the cursor nor turn the line round nor end it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

/// Whether a terminal or a window shows it as nothing, or as something else than one sign at its place:
/// controls, line and paragraph separators, what changes the direction of text, what is invisible, and what
/// is no character (Unicode 15, categories Cc, Cf, Zl, Zp, Cs and noncharacters).
bool is_unshowable(char32_t character) noexcept;

/// One line of UTF-8, of at most `limit` bytes and an ellipsis for the rest. What is unshowable is written as
/// \n, \t, \x1b or \u202e, and what is no UTF-8 as \xff.
std::string shown(std::string_view text, std::size_t limit = 1024);
/// The same of each line, where several are meant: the faults of a configuration.
std::string shown_lines(std::string_view text);

}  // namespace postern
