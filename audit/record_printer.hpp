// Shows audit records on a terminal or in a file: a table for people, or the lines as they are. What an
// edited file holds cannot play tricks on the terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace postern::audit {

class RecordPrinter {
public:
    RecordPrinter(std::FILE* out, bool is_json, bool has_colour);

    void print(std::string_view line, const nlohmann::json& record);
    void flush();
    /// The reader of the output has gone.
    bool has_failed() const;

private:
    void print_header();

    std::FILE* out_;
    bool is_json_;
    bool has_colour_;
    bool has_header_ = false;
};

/// The text with everything replaced that a record's line may not have.
std::string printable(std::string_view line);

}  // namespace postern::audit
