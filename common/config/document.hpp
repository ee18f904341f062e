// A TOML file read the strict way: every key is asked for by name, and what nobody asked for is an error that
// names the file, the line, what was expected and the nearest known key. All problems of a file are told at
// once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern::config {

class Document;

/// One table of a document. Reads note the key as known; a value of the wrong type or out of range is noted
/// as a problem, and the fallback is returned so that reading goes on. Valid as long as its Document.
class Table {
public:
    /// Absent and no fallback: a problem ("missing key"). Control characters and blanks at its ends are
    /// problems, here and in strings(), path() and choice(): nobody sees them, and they make another value.
    std::string string(std::string_view key);
    std::string string(std::string_view key, std::string_view fallback);
    /// As it stands, for what people read.
    std::string text(std::string_view key, std::string_view fallback);
    bool boolean(std::string_view key, bool fallback);
    std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t most);
    std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback,
                                       std::chrono::milliseconds least, std::chrono::milliseconds most);
    /// None of them empty.
    std::vector<std::string> strings(std::string_view key);
    /// A path; a relative one is taken from `base`, or else from the folder of the file. Expands the folders
    /// that systemd hands to a unit, for example "${CREDENTIALS_DIRECTORY}/gateway.key" (systemd.exec(5));
    /// other variables are problems.
    std::filesystem::path path(std::string_view key);
    std::optional<std::filesystem::path> optional_path(std::string_view key,
                                                       const std::filesystem::path& base = {});
    /// One of the given words.
    std::string choice(std::string_view key, std::string_view fallback,
                       const std::vector<std::string>& words);

    bool has(std::string_view key) const;
    /// A table below this one; an empty one when it is absent.
    Table table(std::string_view key);
    /// The tables of an array of tables `[[key]]`, in order; none when it is absent.
    std::vector<Table> tables(std::string_view key);

    /// Notes a problem at the line of `key` (or of the table itself when the key is absent).
    void problem(std::string_view key, std::string_view message);
    /// "file:line" of `key`, for messages about what it names.
    std::string where(std::string_view key) const;

private:
    friend class Document;
    struct Node;
    explicit Table(std::shared_ptr<Node> node);
    std::shared_ptr<Node> node_;
};

class Document {
public:
    static Result<Document> load(const std::filesystem::path& path);
    /// `name` stands for the file in messages; relative paths are taken from its folder.
    static Result<Document> parse(std::string_view text, const std::filesystem::path& name);

    Table root();
    /// After all reads: Code::config_invalid with every problem and every unknown key, one a line
    /// ("gateway.toml:12: unknown key 'lisen' in [gateway]; did you mean 'listen'?").
    Result<void> finish();

private:
    struct State;
    explicit Document(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    friend class Table;
};

}  // namespace postern::config
