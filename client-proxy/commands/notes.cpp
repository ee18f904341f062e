#include "client-proxy/commands/notes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/commands/terminal.hpp"

namespace postern::client {

using nlohmann::json;

namespace {

std::string member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

constexpr std::size_t kMostCommand = 8192;

/// The names of events in --json, which are older than those of the control protocol.
std::string spoken(const std::string& kind) {
    return kind == "renewal_failed" ? "not_renewed" : kind == "logout" ? "logged_out" : kind;
}

}  // namespace

Notes::Notes(Style style, bool has_color, bool has_status_line)
    : style_(style), has_color_(has_color), has_status_line_(has_status_line) {}

Notes::~Notes() {
    clear_status();
    std::fflush(stdout);
}

void Notes::clear_status() {
    if (drawn_.empty()) {
        return;
    }
    if (!is_in_foreground(STDOUT_FILENO)) {
        drawn_.clear();
        return;
    }
    // A terminal that has become narrower has wrapped the line.
    const std::size_t rows = (drawn_columns_ - 1) / (terminal_width(STDOUT_FILENO) + 1);
    std::fputs((rows > 0 ? fmt::format("\x1b[{}A\r\x1b[J", rows) : std::string("\r\x1b[K")).c_str(), stdout);
    drawn_.clear();
}

/// Draws the status line. A background job does not draw, because the terminal belongs to another job.
void Notes::draw_status() {
    if (!is_in_foreground(STDOUT_FILENO)) {
        return;
    }
    const std::size_t width = terminal_width(STDOUT_FILENO);
    const LineStyle plain{width, false, has_unicode()};
    const LineStyle style{width, has_color(STDOUT_FILENO), has_unicode()};
    const std::string line = status_line(status_, style);
    if (line == drawn_) {
        return;
    }
    clear_status();
    drawn_ = line;
    drawn_columns_ = std::max<std::size_t>(1, columns_of(status_line(status_, plain)));
    std::fputs(drawn_.c_str(), stdout);
    std::fflush(stdout);
}

void Notes::status(const ShownStatus& status) {
    if (has_status_line_) {
        status_ = status;
        draw_status();
    }
}

void Notes::write(const json& event, const std::string& line, bool is_output) {
    const bool is_json = style_ == Style::json;
    const std::string text = (is_json ? ascii_json_text(event) : line) + "\n";
    std::FILE* const to = is_json || is_output ? stdout : stderr;
    const bool was_drawn = !drawn_.empty();
    clear_status();
    std::fflush(stdout);
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
    if (was_drawn) {
        draw_status();
    }
}

void Notes::listening(const std::string& service, const json& opened, const json& commands, int agent) {
    const bool passes_through = member(opened, "mode") == "passthrough";
    const int port = opened.value("port", 0);
    std::string line =
        fmt::format("{} is at localhost:{} ({})", service, port,
                    passes_through ? "passed through: the client brings its own TLS" : "end to end");
    if (commands.is_object()) {
        for (const char* kind : {"psql", "socket", "dsn", "jdbc"}) {
            // Lines for clients with their own TLS are long, so only psql's is printed; --json has the
            // others.
            if (passes_through && std::string_view(kind) != "psql") {
                continue;
            }
            if (const std::string command = member(commands, kind); !command.empty()) {
                line += "\n    " + shown(command, kMostCommand);
            }
        }
    }
    const json event = {{"event", "listening"}, {"service", service}, {"mode", member(opened, "mode")},
                        {"host", "localhost"},  {"port", port},       {"user", member(opened, "user")},
                        {"commands", commands}, {"agent_pid", agent}};
    write(event, line, true);
}

void Notes::event(const json& event) {
    const std::string kind = member(event, "kind");
    const std::string service = shown(member(event, "service"));
    const std::string message = shown(member(event, "message"));
    const std::string hint = shown(member(event, "hint"));
    const std::string id = shown(member(event, "connection_id"));
    const json told = {{"event", spoken(kind)},           {"service", member(event, "service")},
                       {"code", member(event, "reason")}, {"message", member(event, "message")},
                       {"hint", member(event, "hint")},   {"connection_id", member(event, "connection_id")},
                       {"time", member(event, "time")}};
    if (style_ == Style::human &&
        (kind == "accepted" || kind == "closed" || kind == "connected" || kind == "disconnected")) {
        return;
    }
    std::string line = message;
    if (kind == "refused" || kind == "cut") {
        const char* const red = has_color_ ? "\x1b[31m" : "";
        const char* const plain = has_color_ ? "\x1b[0m" : "";
        line = fmt::format("{}{}{} {}: {}", red, kind, plain, service, message);
        if (!id.empty()) {
            line += fmt::format(" (connection {})", id);
        }
    } else if (kind == "renewal_failed") {
        line = fmt::format("the login certificate could not be renewed: {}", message);
    } else if (kind == "logout") {
        line = "logged out: new connections are refused until: postern login";
    }
    if (!hint.empty()) {
        line += fmt::format("\n    hint: {}", hint);
    }
    write(told, line, false);
}

void Notes::remark(std::string_view text) {
    const json event = {{"event", "remark"}, {"message", text}};
    write(event, shown(text), false);
}

}  // namespace postern::client
