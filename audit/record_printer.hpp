// Prints audit records to a terminal or a file: as a table for people, or as the lines themselves. Control
// characters in an edited log cannot reach the terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace postern::audit {

/// Does not own `out`. Not thread-safe.
class RecordPrinter {
public:
    RecordPrinter(std::FILE* out, bool is_json, bool has_colour);

    void print(std::string_view line, const nlohmann::json& record);
    void flush();
    /// Whether writing has failed, for example because the reader of a pipe has closed it.
    bool has_failed() const;

private:
    void print_header();

    std::FILE* out_;
    bool is_json_;
    bool has_colour_;
    bool has_header_ = false;
};

/// Returns the text with every character replaced that a line of a log cannot contain.
std::string printable(std::string_view line);

}  // namespace postern::audit
