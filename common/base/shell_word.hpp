// Text as one word of a POSIX shell, for commands that a person is shown to paste.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// In single quotes where it holds more than letters, digits and a few signs. Pure.
std::string shell_word(std::string_view text);

}  // namespace postern
