#include "postgres/error_response.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/reason.hpp"
#include "base/shown_text.hpp"

namespace postern::postgres {

namespace {

constexpr std::size_t kMostFieldBytes = 1000;

void append_field(std::string& body, char type, std::string_view text) {
    const std::string line = shown(text.substr(0, text.find('\0')), kMostFieldBytes);
    if (line.empty()) {
        return;
    }
    body.push_back(type);
    body += line;
    body.push_back('\0');
}

}  // namespace

std::string fatal_error(const Refusal& refusal) {
    std::string body;
    append_field(body, 'S', "FATAL");
    append_field(body, 'V', "FATAL");
    append_field(body, 'C', refusal.sqlstate);
    append_field(body, 'M', refusal.message.empty() ? "the connection was refused" : refusal.message);
    if (!refusal.connection_id.empty()) {
        append_field(body, 'D', fmt::format("Postern connection {}", refusal.connection_id));
    }
    append_field(body, 'H', refusal.hint);
    body.push_back('\0');

    std::string message("E");
    append_u32(message, static_cast<std::uint32_t>(4 + body.size()));
    return message + body;
}

Result<ErrorFields> parse_error_response(Bytes bytes) {
    const auto malformed = [](std::string_view why) {
        return Failure{Code::malformed_request, fmt::format("not an ErrorResponse: {}", why)};
    };
    std::string_view text = as_text(bytes);
    if (text.size() < kHeaderBytes || (text[0] != 'E' && text[0] != 'N') ||
        read_u32(text, 1) != text.size() - 1) {
        return malformed("wrong type or length");
    }
    text.remove_prefix(kHeaderBytes);
    ErrorFields fields;
    while (!text.empty() && text[0] != '\0') {
        const auto end = text.find('\0');
        if (end == text.npos) {
            return malformed("a field does not end");
        }
        std::string value(text.substr(1, end - 1));
        switch (text[0]) {
            // 'V' is never localized. It comes after 'S', which may be, and so replaces it.
            case 'S':
            case 'V':
                fields.severity = std::move(value);
                break;
            case 'C':
                fields.sqlstate = std::move(value);
                break;
            case 'M':
                fields.message = std::move(value);
                break;
            case 'D':
                fields.detail = std::move(value);
                break;
            case 'H':
                fields.hint = std::move(value);
                break;
            default:
                break;
        }
        text.remove_prefix(end + 1);
    }
    if (text.size() != 1) {
        return malformed("no terminator as its last byte");
    }
    return fields;
}

}  // namespace postern::postgres
