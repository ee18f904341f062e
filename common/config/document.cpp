#include "config/document.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "base/duration.hpp"
#include "base/file.hpp"
#include "base/spelling.hpp"

namespace postern::config {

namespace {

/// The variables that are expanded: the folders that systemd passes to a unit, and nothing else, because a
/// configuration is not a shell.
constexpr std::array kVariables{"CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "LOGS_DIRECTORY",
                                "CONFIGURATION_DIRECTORY", "RUNTIME_DIRECTORY"};

std::string_view kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "an array";
        case toml::node_type::string:
            return "a string";
        case toml::node_type::integer:
            return "an integer";
        case toml::node_type::floating_point:
            return "a floating-point number";
        case toml::node_type::boolean:
            return "a boolean";
        default:
            return "a date or time";
    }
}

/// Whether the text has no control characters and no blanks at its ends.
bool is_plain(std::string_view text) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    const bool has_control =
        std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return !has_control && (text.empty() || (!is_blank(text.front()) && !is_blank(text.back())));
}

/// A problem and the line by which problems are sorted.
struct Problem {
    unsigned line = 0;
    std::string text;
};

}  // namespace

struct Document::State {
    std::filesystem::path file;
    toml::table tree;
    std::vector<Problem> problems;
    /// Every table that was read: its name, and the keys that were read from it.
    std::map<const toml::table*, std::pair<std::string, std::set<std::string, std::less<>>>> known;

    void note(unsigned line, std::string text) {
        problems.push_back(Problem{line, fmt::format("{}:{}: {}", file.string(), line, text)});
    }
};

struct Table::Node {
    std::shared_ptr<Document::State> document;
    /// Null for a table that is not in the file.
    const toml::table* table = nullptr;
    std::string name;
    unsigned line = 0;

    const toml::node* find(std::string_view key) const {
        if (table == nullptr) {
            return nullptr;
        }
        document->known[table].second.emplace(key);
        return table->get(key);
    }
    unsigned line_of(std::string_view key) const {
        const toml::node* found = table == nullptr ? nullptr : table->get(key);
        return found == nullptr ? line : found->source().begin.line;
    }
    std::string where() const { return name.empty() ? std::string() : fmt::format(" in [{}]", name); }
    void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) const {
        document->note(node.source().begin.line,
                       fmt::format("'{}'{} must be {}, not {}", key, where(), wanted, kind_of(node)));
    }
    void missing(std::string_view key) const {
        document->note(line, fmt::format("missing key '{}'{}", key, where()));
    }
    /// The value as T; empty when it is absent or has another type, which is recorded as a problem.
    template <class T>
    std::optional<T> value(std::string_view key, std::string_view wanted) const {
        const toml::node* node = find(key);
        if (node == nullptr) {
            return std::nullopt;
        }
        if (auto exact = node->value_exact<T>()) {
            return exact;
        }
        wrong_type(key, *node, wanted);
        return std::nullopt;
    }
    /// A string that is_plain(); empty when it is absent, or is not, which is recorded as a problem.
    std::optional<std::string> plain(std::string_view key, std::string_view wanted) const {
        auto text = value<std::string>(key, wanted);
        if (text && !is_plain(*text)) {
            not_plain(key, wanted);
            return std::nullopt;
        }
        return text;
    }
    void not_plain(std::string_view key, std::string_view wanted) const {
        document->note(line_of(key),
                       fmt::format("'{}'{} must be {} without blanks at its ends and control characters", key,
                                   where(), wanted));
    }
    /// Replaces the systemd variables in a path.
    std::string expand(std::string_view key, std::string text) const {
        for (const char* variable : kVariables) {
            const std::string reference = fmt::format("${{{}}}", variable);
            const auto at = text.find(reference);
            if (at == std::string::npos) {
                continue;
            }
            const char* folder = std::getenv(variable);
            if (folder == nullptr || *folder == '\0') {
                document->note(line_of(key), fmt::format("'{}'{} names {}, which is set only under systemd",
                                                         key, where(), reference));
                return text;
            }
            text.replace(at, reference.size(), folder);
        }
        if (text.find("${") != std::string::npos) {
            document->note(line_of(key), fmt::format("'{}'{} holds an unknown variable; known: ${{{}}}", key,
                                                     where(), fmt::join(kVariables, "}, ${")));
        }
        return text;
    }
};

Table::Table(std::shared_ptr<Node> node) : node_(std::move(node)) {}

std::string Table::string(std::string_view key) {
    if (!has(key)) {
        node_->find(key);
        node_->missing(key);
        return {};
    }
    auto value = node_->plain(key, "a string");
    if (value && value->empty()) {
        problem(key, "must not be empty");
    }
    return std::move(value).value_or(std::string());
}

std::string Table::string(std::string_view key, std::string_view fallback) {
    return node_->plain(key, "a string").value_or(std::string(fallback));
}

std::string Table::text(std::string_view key, std::string_view fallback) {
    return node_->value<std::string>(key, "a string").value_or(std::string(fallback));
}

bool Table::boolean(std::string_view key, bool fallback) {
    return node_->value<bool>(key, "true or false").value_or(fallback);
}

std::int64_t Table::integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                            std::int64_t most) {
    const auto value = node_->value<std::int64_t>(key, "an integer");
    if (!value) {
        return fallback;
    }
    if (*value < least || *value > most) {
        problem(key, fmt::format("must be between {} and {}, not {}", least, most, *value));
        return fallback;
    }
    return *value;
}

std::chrono::milliseconds Table::duration(std::string_view key, std::chrono::milliseconds fallback,
                                          std::chrono::milliseconds least, std::chrono::milliseconds most) {
    const auto text = node_->value<std::string>(key, "a duration such as \"30s\"");
    if (!text) {
        return fallback;
    }
    const auto value = parse_duration(*text);
    if (!value) {
        problem(key, value.error().detail);
        return fallback;
    }
    if (*value < least || *value > most) {
        problem(key, fmt::format("must be between {} and {}, not {}", format_duration(least),
                                 format_duration(most), format_duration(*value)));
        return fallback;
    }
    return *value;
}

std::vector<std::string> Table::strings(std::string_view key) {
    std::vector<std::string> values;
    const toml::node* node = node_->find(key);
    if (node == nullptr) {
        return values;
    }
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        node_->wrong_type(key, *node, "an array of strings");
        return values;
    }
    for (const toml::node& element : *array) {
        auto value = element.value_exact<std::string>();
        if (!value) {
            node_->wrong_type(key, element, "an array of strings");
            continue;
        }
        if (value->empty() || !is_plain(*value)) {
            node_->not_plain(key, "an array of strings, each of them not empty and");
            continue;
        }
        values.push_back(std::move(*value));
    }
    return values;
}

std::filesystem::path Table::path(std::string_view key) {
    auto found = optional_path(key);
    if (!found && !has(key)) {
        node_->missing(key);
    }
    return std::move(found).value_or(std::filesystem::path());
}

std::optional<std::filesystem::path> Table::optional_path(std::string_view key,
                                                          const std::filesystem::path& base) {
    auto text = node_->plain(key, "a path");
    if (!text) {
        return std::nullopt;
    }
    if (text->empty()) {
        problem(key, "must not be empty");
        return std::nullopt;
    }
    const std::filesystem::path path = node_->expand(key, std::move(*text));
    const std::filesystem::path from = base.empty() ? node_->document->file.parent_path() : base;
    return path.is_absolute() ? path : (from / path).lexically_normal();
}

std::string Table::choice(std::string_view key, std::string_view fallback,
                          const std::vector<std::string>& words) {
    const auto value = node_->plain(key, "a string");
    if (!value) {
        return std::string(fallback);
    }
    if (std::find(words.begin(), words.end(), *value) == words.end()) {
        problem(key, fmt::format("must be one of \"{}\", not \"{}\"", fmt::join(words, "\", \""), *value));
        return std::string(fallback);
    }
    return *value;
}

bool Table::has(std::string_view key) const {
    return node_->table != nullptr && node_->table->contains(key);
}

Table Table::table(std::string_view key) {
    auto below = std::make_shared<Node>();
    below->document = node_->document;
    below->name = node_->name.empty() ? std::string(key) : fmt::format("{}.{}", node_->name, key);
    below->line = node_->line_of(key);
    const toml::node* node = node_->find(key);
    if (node != nullptr) {
        below->table = node->as_table();
        if (below->table == nullptr) {
            node_->wrong_type(key, *node, "a table");
        } else {
            below->document->known[below->table].first = below->name;
        }
    }
    return Table(std::move(below));
}

std::vector<Table> Table::tables(std::string_view key) {
    std::vector<Table> found;
    const toml::node* node = node_->find(key);
    if (node == nullptr) {
        return found;
    }
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        node_->wrong_type(key, *node, fmt::format("an array of tables; write [[{}]]", key));
        return found;
    }
    for (const toml::node& element : *array) {
        if (!element.is_table()) {
            node_->wrong_type(key, element, fmt::format("an array of tables; write [[{}]]", key));
            continue;
        }
        auto below = std::make_shared<Node>();
        below->document = node_->document;
        below->name = node_->name.empty() ? std::string(key) : fmt::format("{}.{}", node_->name, key);
        below->line = element.source().begin.line;
        below->table = element.as_table();
        below->document->known[below->table].first = below->name;
        found.push_back(Table(std::move(below)));
    }
    return found;
}

void Table::problem(std::string_view key, std::string_view message) {
    node_->document->note(node_->line_of(key), fmt::format("'{}'{} {}", key, node_->where(), message));
}

std::string Table::where(std::string_view key) const {
    return fmt::format("{}:{}", node_->document->file.string(), node_->line_of(key));
}

Document::Document(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<Document> Document::load(const std::filesystem::path& path) {
    auto text = read_file(path);
    if (!text) {
        return text.error();
    }
    return parse(*text, path);
}

Result<Document> Document::parse(std::string_view text, const std::filesystem::path& name) {
    auto state = std::make_shared<State>();
    state->file = name;
    try {
        state->tree = toml::parse(text, name.string());
    } catch (const toml::parse_error& error) {
        return Failure{Code::config_invalid, fmt::format("{}:{}: {}", name.string(),
                                                         error.source().begin.line, error.description())};
    }
    return Document(std::move(state));
}

Table Document::root() {
    auto node = std::make_shared<Table::Node>();
    node->document = state_;
    node->table = &state_->tree;
    node->line = 1;
    state_->known[node->table];
    return Table(std::move(node));
}

Result<void> Document::finish() {
    for (const auto& [table, names] : state_->known) {
        const auto& [table_name, keys] = names;
        for (const auto& [key, node] : *table) {
            if (keys.contains(key.str())) {
                continue;
            }
            std::string text = fmt::format("unknown key '{}'", key.str());
            if (!table_name.empty()) {
                text += fmt::format(" in [{}]", table_name);
            }
            const std::string nearest = nearest_word(key.str(), {keys.begin(), keys.end()});
            if (!nearest.empty()) {
                text += fmt::format("; did you mean '{}'?", nearest);
            } else if (!keys.empty()) {
                text += fmt::format("; known here: {}", fmt::join(keys, ", "));
            }
            state_->note(key.source().begin.line, std::move(text));
        }
    }
    if (state_->problems.empty()) {
        return {};
    }
    std::stable_sort(state_->problems.begin(), state_->problems.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    std::string all;
    for (const Problem& problem : state_->problems) {
        all += all.empty() ? problem.text : "\n" + problem.text;
    }
    return Failure{Code::config_invalid, std::move(all)};
}

}  // namespace postern::config
