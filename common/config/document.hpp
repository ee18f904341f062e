// Reads a TOML file strictly. Every key is read by name, and a key that nobody reads is an error which names
// the file, the line, what was expected and the closest known key. All problems of a file are reported
// together.
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

/// One table of a document. Reading a key marks it as known. A value of the wrong type or out of range is
/// recorded as a problem, and the fallback is returned so that reading can continue. A Table keeps the data
/// of its Document alive. Not thread-safe.
class Table {
public:
    /// Without a fallback, an absent key is a problem ("missing key"). In string(), strings(), path() and
    /// choice(), control characters and leading or trailing blanks are problems: they are invisible and would
    /// change the value.
    std::string string(std::string_view key);
    std::string string(std::string_view key, std::string_view fallback);
    /// The string unchanged, for text that people read.
    std::string text(std::string_view key, std::string_view fallback);
    bool boolean(std::string_view key, bool fallback);
    std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t most);
    std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback,
                                       std::chrono::milliseconds least, std::chrono::milliseconds most);
    /// An array of strings, none of which may be empty; empty when the key is absent.
    std::vector<std::string> strings(std::string_view key);
    /// A path, made absolute relative to `base` or, without one, to the folder of the file. Expands the
    /// folders that systemd passes to a unit, for example "${CREDENTIALS_DIRECTORY}/gateway.key"
    /// (systemd.exec(5)); other variables are problems.
    std::filesystem::path path(std::string_view key);
    std::optional<std::filesystem::path> optional_path(std::string_view key,
                                                       const std::filesystem::path& base = {});
    /// One of `words`.
    std::string choice(std::string_view key, std::string_view fallback,
                       const std::vector<std::string>& words);

    bool has(std::string_view key) const;
    /// The table `key` below this one; an empty one when it is absent.
    Table table(std::string_view key);
    /// The tables of an array of tables `[[key]]`, in order; none when it is absent.
    std::vector<Table> tables(std::string_view key);

    /// Records a problem at the line of `key`, or of the table itself when the key is absent.
    void problem(std::string_view key, std::string_view message);
    /// "file:line" of `key`, for messages about what it names.
    std::string where(std::string_view key) const;

private:
    friend class Document;
    struct Node;
    explicit Table(std::shared_ptr<Node> node);
    std::shared_ptr<Node> node_;
};

/// A parsed TOML file. Not thread-safe.
class Document {
public:
    /// Reads and parses a file. Fails as read_file() does, or with Code::config_invalid for invalid TOML.
    static Result<Document> load(const std::filesystem::path& path);
    /// Parses text; `name` is the file in messages, and relative paths are relative to its folder. Fails with
    /// Code::config_invalid for invalid TOML.
    static Result<Document> parse(std::string_view text, const std::filesystem::path& name);

    Table root();
    /// Call it after all reads. Fails with Code::config_invalid and every problem and unknown key, one on
    /// each line ("gateway.toml:12: unknown key 'lisen' in [gateway]; did you mean 'listen'?").
    Result<void> finish();

private:
    struct State;
    explicit Document(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    friend class Table;
};

}  // namespace postern::config
