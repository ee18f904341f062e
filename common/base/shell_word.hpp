// Quotes text as one word of a POSIX shell, for commands that a person is shown to paste.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// Puts the text in single quotes if it is empty or contains anything but letters, digits and a few safe
/// characters. Pure.
std::string shell_word(std::string_view text);

}  // namespace postern
