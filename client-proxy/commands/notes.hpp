// What a running `postern connect` says: one line an event for people, or one JSON object for programs. On a
// terminal the last line is a status line that the others push down.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "client-proxy/refusal.hpp"

namespace postern::client {

class Notes {
public:
    enum class Style {
        /// Ports on standard output, the rest on standard error.
        human,
        /// Everything on standard output, an object a line.
        json,
    };
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
    void status(const std::string& line);

private:
    void write(const nlohmann::json& event, const std::string& line, bool is_output);
    void clear_status();

    const Style style_;
    const bool has_color_;
    const bool has_status_line_;
    std::string status_;
};

/// Without control characters: what others sent may go to a terminal.
std::string printable(std::string_view text);

}  // namespace postern::client
