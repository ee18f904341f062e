#include "base/shell_word.hpp"

#include <algorithm>

namespace postern {

std::string shell_word(std::string_view text) {
    const auto is_plain = [](char c) {
        const bool is_letter_or_digit =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        // "=" is not in the list: zsh expands a word that begins with it to the path of a program.
        return is_letter_or_digit || std::string_view("@%_+:,./-").find(c) != std::string_view::npos;
    };
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) {
        return std::string(text);
    }
    std::string quoted = "'";
    for (const char character : text) {
        quoted += character == '\'' ? std::string("'\\''") : std::string(1, character);
    }
    return quoted + "'";
}

}  // namespace postern
