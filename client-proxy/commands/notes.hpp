// The output of a running `postern connect`: one line for each event for people, or one JSON object for
// programs. On a terminal the last line is a status line, above which the others appear.
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
        /// Ports are printed on standard output, everything else on standard error.
        human,
        /// Everything is printed on standard output, one JSON object for each line.
        json,
    };
    /// `has_status_line` says that standard output is a terminal on which status() may draw.
    Notes(Style style, bool has_color, bool has_status_line);
    ~Notes();
    Notes(const Notes&) = delete;
    Notes& operator=(const Notes&) = delete;

    /// Prints that a port is open. `opened` is a *port* of the control protocol, `commands` are the lines to
    /// paste, and `agent` is the agent's process id.
    void listening(const std::string& service, const nlohmann::json& opened, const nlohmann::json& commands,
                   int agent);
    /// Prints an *event* of the control protocol.
    void event(const nlohmann::json& event);
    /// Prints a remark that may be useful to the person.
    /// Draws the status line, if there is one.
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
    /// The status line that is on the screen; empty when there is none.
    std::string drawn_;
    std::size_t drawn_columns_ = 0;
};

}  // namespace postern::client
