#include "client-proxy/agent/quoting.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace postern::client {

namespace {

bool is_letter_or_digit(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9');
}

/// Whether the text is not empty and contains only letters, digits and `signs`.
bool is_made_of(std::string_view text, std::string_view signs) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char character) {
        return is_letter_or_digit(character) || signs.find(character) != signs.npos;
    });
}

}  // namespace

std::string conninfo_value(std::string_view text) {
    if (is_made_of(text, "@%_+:,./-")) {
        return std::string(text);
    }
    std::string quoted = "'";
    for (const char character : text) {
        if (character == '\'' || character == '\\') {
            quoted += '\\';
        }
        quoted += character;
    }
    return quoted + "'";
}

std::string url_part(std::string_view text) {
    std::string encoded;
    for (const char character : text) {
        if (is_letter_or_digit(character) || std::string_view("-._~").find(character) != std::string_view::npos) {
            encoded += character;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(character));
        }
    }
    return encoded;
}

std::string database_argument(std::string_view database) {
    const bool is_connection_string = database.find('=') != database.npos ||
                                      database.starts_with("postgresql://") || database.starts_with("postgres://");
    return is_connection_string ? "dbname=" + conninfo_value(database) : std::string(database);
}

}  // namespace postern::client
