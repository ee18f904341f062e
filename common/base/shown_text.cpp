#include "base/shown_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace postern {

namespace {

/// The ranges of Unicode 15's categories Cc, Cf, Zl, Zp and Cs, the noncharacters U+FDD0 to U+FDEF, and
/// characters that are drawn as nothing.
constexpr std::array<std::pair<char32_t, char32_t>, 28> kUnshowable{{
    {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},   {0xd800, 0xdfff},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
}};

/// A character and the number of bytes that encode it.
struct Decoded {
    char32_t character = 0;
    /// 0 if the text does not begin with valid UTF-8.
    std::size_t length = 0;
};

/// Decodes the first character of `text` (RFC 3629, section 4): no overlong forms, no surrogates, nothing
/// beyond U+10FFFF. `text` must not be empty.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return {first, 1};
    }
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) {
        return {};
    }
    char32_t character = first & (0xffU >> (length + 1));
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0U) != 0x80U) {
            return {};
        }
        character = (character << 6U) | (byte(at) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < kLeast[length] || character > 0x10ffff || is_surrogate) {
        return {};
    }
    return {character, length};
}

/// Formats a backslash, `mark`, and `digits` hexadecimal digits of `number`.
std::string hexadecimal(char mark, unsigned digits, unsigned number) {
    std::string text{'\\', mark};
    while (digits-- > 0) {
        text += "0123456789abcdef"[(number >> (4 * digits)) & 0xfU];
    }
    return text;
}

std::string escaped(char32_t character) {
    switch (character) {
        case U'\n':
            return "\\n";
        case U'\r':
            return "\\r";
        case U'\t':
            return "\\t";
        default:
            break;
    }
    const auto number = static_cast<unsigned>(character);
    return number < 0x80      ? hexadecimal('x', 2, number)
           : number < 0x10000 ? hexadecimal('u', 4, number)
                              : hexadecimal('U', 8, number);
}

}  // namespace

bool is_unshowable(char32_t character) noexcept {
    // The last two code points of each plane are noncharacters.
    if ((character & 0xfffeU) == 0xfffeU) {
        return true;
    }
    return std::any_of(kUnshowable.begin(), kUnshowable.end(), [&](const auto& range) {
        return character >= range.first && character <= range.second;
    });
}

std::string shown(std::string_view text, std::size_t limit) {
    std::string out;
    while (!text.empty()) {
        const auto [character, length] = decode(text);
        const std::size_t step = std::max<std::size_t>(length, 1);
        std::string sign(text.substr(0, step));
        if (length == 0) {
            sign = hexadecimal('x', 2, static_cast<unsigned char>(text.front()));
        } else if (is_unshowable(character)) {
            sign = escaped(character);
        }
        if (out.size() + sign.size() > limit) {
            return out + "…";
        }
        out += sign;
        text.remove_prefix(step);
    }
    return out;
}

std::string shown_lines(std::string_view text) {
    std::string out;
    for (;;) {
        const auto end = std::min(text.find('\n'), text.size());
        out += shown(text.substr(0, end));
        if (end == text.size()) {
            return out;
        }
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

}  // namespace postern
