// What a running `postern connect` says: one line an event for people, or one JSON object for programs. On a
// terminal the last line is a status line that the others push down.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "client-proxy/commands/status_line.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

class Notes {
public:
    enum class Style {
        /// Ports on standard output, the rest on standard error.
        human,
        /// Everything on standard output, an object a line.
        json,
    };
    /// `has_status_line`: standard output is a terminal that status() may draw on.
    Notes(Style style, bool has_color, bool has_status_line);
    ~Notes();
    Notes(const Notes&) = delete;
    Notes& operator=(const Notes&) = delete;

    /// `opened` is a *port* of the control protocol, `commands` the lines to paste.
    void listening(const std::string& service, const nlohmann::json& opened, const nlohmann::json& commands,
                   int agent);
    /// An *event* of the control protocol.
    void event(const nlohmann::json& event);
    /// Something that is good to know.
    void remark(std::string_view text);
    void status(const ShownStatus& status);

private:
    void write(const nlohmann::json& event, const std::string& line, bool is_output);
    void clear_status();
    void draw_status();

    const Style style_;
    const bool has_color_;
    const bool has_status_line_;
    ShownStatus status_;
    /// The line that stands there; empty when none does.
    std::string drawn_;
    std::size_t drawn_columns_ = 0;
};

}  // namespace postern::client
