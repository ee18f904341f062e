#include "client-proxy/commands/notes.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

namespace postern::client {

std::string printable(std::string_view text) {
    std::string out(text);
    for (char& character : out) {
        if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) {
            character = ' ';
        }
    }
    return out;
}

Notes::Notes(Style style, bool has_color) : style_(style), has_color_(has_color) {}

void Notes::write(nlohmann::json event, const std::string& line, bool is_output) {
    if (style_ == Style::silent) {
        return;
    }
    const bool is_json = style_ == Style::json;
    const std::string text =
        (is_json ? event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) : line) + "\n";
    std::FILE* const to = is_json || is_output ? stdout : stderr;
    const std::lock_guard lock(mutex_);
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
}

void Notes::listening(std::string_view service, std::string_view mode, unsigned short port,
                      std::string_view user) {
    std::string line =
        fmt::format("{} is at localhost:{} ({})", service, port,
                    mode == "passthrough" ? "passed through: the client brings its own TLS" : "end to end");
    if (mode != "passthrough") {
        line += fmt::format("\n    psql -h localhost -p {} -U {}", port, user);
    }
    nlohmann::json event = {{"event", "listening"}, {"service", service}, {"mode", mode},
                            {"host", "localhost"},  {"port", port},       {"user", user}};
    write(std::move(event), line, true);
}

void Notes::tell(std::string_view event, std::string_view what, std::string_view service,
                 const Refusal& refusal) {
    const char* const red = has_color_ ? "\x1b[31m" : "";
    const char* const plain = has_color_ ? "\x1b[0m" : "";
    std::string line = fmt::format("{}{}{} {}: {}", red, what, plain, service, printable(refusal.message));
    if (!refusal.connection_id.empty()) {
        line += fmt::format(" (connection {})", refusal.connection_id);
    }
    if (!refusal.hint.empty()) {
        line += fmt::format("\n    hint: {}", printable(refusal.hint));
    }
    nlohmann::json json = {{"event", event},
                           {"service", service},
                           {"code", name(refusal.code)},
                           {"message", refusal.message},
                           {"hint", refusal.hint},
                           {"connection_id", refusal.connection_id}};
    write(std::move(json), line, false);
}

void Notes::refused(std::string_view service, const Refusal& refusal) {
    tell("refused", "refused", service, refusal);
}
void Notes::cut(std::string_view service, const Refusal& refusal) {
    tell("cut", "cut", service, refusal);
}

void Notes::renewed(SystemTime not_after) {
    {
        const std::lock_guard lock(mutex_);
        complaint_.clear();
    }
    nlohmann::json event = {{"event", "renewed"}, {"not_after", format_time(not_after)}};
    write(std::move(event), fmt::format("the login certificate is renewed until {}", format_time(not_after)),
          false);
}

void Notes::not_renewed(const Refusal& refusal) {
    {
        const std::lock_guard lock(mutex_);
        if (complaint_ == refusal.message) {
            return;
        }
        complaint_ = refusal.message;
    }
    nlohmann::json event = {{"event", "not_renewed"},
                            {"code", name(refusal.code)},
                            {"message", refusal.message},
                            {"hint", refusal.hint}};
    std::string line =
        fmt::format("the login certificate could not be renewed: {}", printable(refusal.message));
    if (!refusal.hint.empty()) {
        line += fmt::format("\n    hint: {}", printable(refusal.hint));
    }
    write(std::move(event), line, false);
}

void Notes::logged_out() {
    nlohmann::json event = {{"event", "logged_out"}};
    write(std::move(event), "logged out: new connections are refused until: postern login", false);
}

void Notes::remark(std::string_view text) {
    nlohmann::json event = {{"event", "remark"}, {"message", text}};
    write(std::move(event), printable(text), false);
}

}  // namespace postern::client
