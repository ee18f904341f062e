#include "audit/json_line.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"

namespace postern::audit {

namespace {

using Json = nlohmann::ordered_json;

/// The initial capacity of a line; the record of a connection is shorter.
constexpr std::size_t kUsualBytes = 2048;

bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/// Returns the value as ASCII JSON without control characters, so that text from a peer (bidirectional text,
/// C1 controls) cannot affect a terminal or a log shipper.
std::string dump(const Json& json) {
    std::string text = ascii_json_text(json);
    std::replace(text.begin(), text.end(), '\x7f', '?');
    return text;
}

}  // namespace

JsonLine::JsonLine(std::vector<const Json*> extras) {
    line_.reserve(kUsualBytes);
    line_ += '{';
    levels_.reserve(8);
    levels_.push_back({{}, 0, std::move(extras)});
}

void JsonLine::text(std::string_view path, std::string_view value) {
    begin(path);
    put(value);
}

void JsonLine::number(std::string_view path, std::uint64_t value) {
    begin(path);
    line_ += std::to_string(value);
}

void JsonLine::texts(std::string_view path, const std::vector<std::string>& values) {
    begin(path);
    line_ += '[';
    for (const std::string& value : values) {
        if (&value != &values.front()) {
            line_ += ',';
        }
        put(value);
    }
    line_ += ']';
}

void JsonLine::json(std::string_view path, std::string_view value) {
    begin(path);
    line_ += value;
}

void JsonLine::object(std::string_view path) {
    std::size_t depth = 1;
    while (!path.empty()) {
        const std::string_view name = path.substr(0, path.find('.'));
        if (depth == levels_.size() || levels_[depth].name != name) {
            while (levels_.size() > depth) {
                close();
            }
            open(name);
        }
        ++depth;
        path.remove_prefix(std::min(path.size(), name.size() + 1));
    }
    while (levels_.size() > depth) {
        close();
    }
}

std::string JsonLine::finish() {
    while (!levels_.empty()) {
        close();
    }
    return std::move(line_);
}

/// Writes everything up to the value of the member at `path`, and closes and opens nested objects for it.
void JsonLine::begin(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    object(dot == std::string_view::npos ? std::string_view() : path.substr(0, dot));
    begin_member(dot == std::string_view::npos ? path : path.substr(dot + 1));
}

void JsonLine::open(std::string_view name) {
    begin_member(name);
    line_ += '{';
    Level level{name, names_.size(), {}};
    for (const Json* extra : levels_.back().extras) {
        const auto found = extra->find(name);
        if (found != extra->end() && found->is_object()) {
            level.extras.push_back(&*found);
        }
    }
    levels_.push_back(std::move(level));
}

void JsonLine::close() {
    const std::size_t first_name = levels_.back().first_name;
    for (const Json* extra : levels_.back().extras) {
        for (auto item = extra->begin(); item != extra->end(); ++item) {
            const auto first = names_.begin() + static_cast<std::ptrdiff_t>(first_name);
            if (std::find(first, names_.end(), item.key()) == names_.end()) {
                begin_member(item.key());
                line_ += dump(item.value());
            }
        }
    }
    levels_.pop_back();
    names_.resize(first_name);
    line_ += '}';
}

void JsonLine::begin_member(std::string_view name) {
    if (names_.size() > levels_.back().first_name) {
        line_ += ',';
    }
    names_.push_back(name);
    put(name);
    line_ += ':';
}

void JsonLine::put(std::string_view value) {
    if (std::all_of(value.begin(), value.end(), is_plain)) {
        line_ += '"';
        line_ += value;
        line_ += '"';
    } else {
        line_ += dump(Json(value));
    }
}

}  // namespace postern::audit
