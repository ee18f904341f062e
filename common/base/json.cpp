#include "base/json.hpp"

#include <algorithm>
#include <cstddef>

namespace postern {

namespace {

/// Prints the value. Bytes that are not UTF-8 are replaced, because a peer's malformed text must not suppress
/// the rest.
template <class Json>
std::string text_of(const Json& value, int indent, bool is_ascii) {
    return value.dump(indent, ' ', is_ascii, Json::error_handler_t::replace);
}

/// How deep the brackets outside of strings are nested. If `text` is not JSON, the result has no meaning.
int depth_of(std::string_view text) {
    int depth = 0;
    int deepest = 0;
    bool is_in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_in_string) {
            i += c == '\\' ? 1 : 0;
            is_in_string = c != '"';
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        } else {
            is_in_string = c == '"';
        }
    }
    return deepest;
}

}  // namespace

nlohmann::json parse_json(std::string_view text, int most_depth) {
    if (depth_of(text) > most_depth) {
        return nlohmann::json(nlohmann::json::value_t::discarded);
    }
    return nlohmann::json::parse(text, nullptr, false);
}

std::string json_text(const nlohmann::json& value) {
    return text_of(value, -1, false);
}

std::string ascii_json_text(const nlohmann::json& value, int indent) {
    return text_of(value, indent, true);
}

std::string ascii_json_text(const nlohmann::ordered_json& value, int indent) {
    return text_of(value, indent, true);
}

std::string json_file_text(const nlohmann::json& value) {
    return text_of(value, 2, false) + "\n";
}

}  // namespace postern
