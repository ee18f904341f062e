#include "audit/record_printer.hpp"

#include <chrono>
#include <initializer_list>

#include <fmt/format.h>

#include "base/duration.hpp"
#include "base/json.hpp"

namespace postern::audit {

namespace {

/// Returns the text or number at a JSON pointer, escaped so that a terminal cannot take it for a command;
/// empty if there is none.
std::string text_at(const nlohmann::json& record, const char* pointer) {
    const nlohmann::json::json_pointer place(pointer);
    if (!record.contains(place)) {
        return {};
    }
    const auto& value = record.at(place);
    if (value.is_structured()) {
        return {};
    }
    std::string text = ascii_json_text(value);
    return value.is_string() ? text.substr(1, text.size() - 2) : text;
}

/// Returns the texts of the list at a JSON pointer, separated by commas.
std::string list_at(const nlohmann::json& record, const char* pointer) {
    const nlohmann::json::json_pointer place(pointer);
    std::string joined;
    if (!record.contains(place) || !record.at(place).is_array()) {
        return joined;
    }
    for (std::size_t i = 0; i < record.at(place).size(); ++i) {
        joined += (joined.empty() ? "" : ",") + text_at(record, fmt::format("{}/{}", pointer, i).c_str());
    }
    return joined;
}

std::string fit(std::string_view text, std::size_t width) {
    if (text.size() <= width) {
        return fmt::format("{:<{}}", text, width);
    }
    return fmt::format("{}~", text.substr(0, width - 1));
}

std::string join_detail(std::initializer_list<std::string> parts) {
    std::string joined;
    for (const std::string& part : parts) {
        if (!part.empty()) {
            joined += joined.empty() ? part : " " + part;
        }
    }
    return joined;
}

/// Returns which account an administrator used, and who called sudo.
std::string asked_by(const nlohmann::json& record) {
    const std::string uid = text_at(record, "/postern/claimed/uid");
    const std::string account = text_at(record, "/postern/claimed/account");
    if (uid.empty() && account.empty()) {
        return {};
    }
    const std::string sudo_user = text_at(record, "/postern/claimed/sudo_user");
    return fmt::format("asked-by={}{}", account.empty() ? "uid-" + uid : account,
                       sudo_user.empty() ? std::string() : fmt::format("(sudo:{})", sudo_user));
}

std::string labelled(const char* label, const std::string& text) {
    return text.empty() ? text : fmt::format("{}={}", label, text);
}

/// Returns what an action was about besides a user and a service: a server and its names, a token, a
/// certificate, a file.
std::string about(const nlohmann::json& record) {
    const std::string kind = text_at(record, "/postern/server/kind");
    const std::string names = list_at(record, "/postern/server/names");
    std::string server =
        kind.empty() ? kind : fmt::format("{}/{}", kind, text_at(record, "/postern/server/name"));
    if (!server.empty() && !names.empty()) {
        server += fmt::format("({})", names);
    }
    const bool is_certificate = text_at(record, "/event/action").starts_with("certificate.");
    const std::string login_serial =
        is_certificate ? text_at(record, "/tls/client/x509/serial_number") : std::string();
    const std::string serial = text_at(record, "/x509/serial_number");
    return join_detail({labelled("server", server), labelled("token", text_at(record, "/postern/token/id")),
                        labelled("serial", serial.empty() ? login_serial : serial),
                        labelled("ca", list_at(record, "/postern/ca/names")),
                        labelled("file", text_at(record, "/file/path"))});
}

/// Returns what a person wants to know besides the other columns.
std::string detail_of(const nlohmann::json& record) {
    const auto field = [&](const char* label, const char* pointer) {
        return labelled(label, text_at(record, pointer));
    };
    std::string bytes;
    if (record.contains(nlohmann::json::json_pointer("/source/bytes"))) {
        bytes = fmt::format("up={} down={}", text_at(record, "/source/bytes"),
                            text_at(record, "/destination/bytes"));
    }
    std::string duration;
    const nlohmann::json::json_pointer event_duration("/event/duration");
    if (record.contains(event_duration) && record.at(event_duration).is_number_integer()) {
        const std::chrono::nanoseconds whole(record.at(event_duration).get<std::int64_t>());
        duration =
            fmt::format("for={}", format_duration(std::chrono::ceil<std::chrono::milliseconds>(whole)));
    }
    return join_detail({text_at(record, "/message"), about(record), asked_by(record),
                        labelled("groups", list_at(record, "/user/group/name")), field("rule", "/rule/name"),
                        field("stage", "/postern/stage"), field("by", "/postern/closed_by"), bytes, duration,
                        field("claims", "/postern/claimed/user"), field("session", "/postern/session/id"),
                        field("connection", "/postern/connection/id")});
}

std::string source_of(const nlohmann::json& record) {
    std::string ip = text_at(record, "/source/ip");
    const std::string port = text_at(record, "/source/port");
    if (ip.empty() || port.empty()) {
        return ip;
    }
    return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port)
                                             : fmt::format("[{}]:{}", ip, port);
}

}  // namespace

std::string printable(std::string_view line) {
    std::string text(line);
    for (char& c : text) {
        c = c >= 0x20 && c < 0x7f ? c : '?';
    }
    return text;
}

RecordPrinter::RecordPrinter(std::FILE* out, bool is_json, bool has_colour)
    : out_(out), is_json_(is_json), has_colour_(has_colour) {}

void RecordPrinter::print_header() {
    has_header_ = true;
    const std::string header =
        fmt::format("{} {} {} {} {} {} {} {}", fit("TIME (UTC)", 23), fit("ACTION", 21), fit("OUTCOME", 7),
                    fit("REASON", 19), fit("USER", 14), fit("SERVICE", 14), fit("SOURCE", 21), "DETAIL");
    fmt::print(out_, "{}{}{}\n", has_colour_ ? "\x1b[1m" : "", header, has_colour_ ? "\x1b[0m" : "");
}

void RecordPrinter::print(std::string_view line, const nlohmann::json& record) {
    if (is_json_) {
        fmt::print(out_, "{}\n", printable(line));
        return;
    }
    if (!has_header_) {
        print_header();
    }
    std::string time = text_at(record, "/@timestamp").substr(0, 23);
    if (time.size() > 10) {
        time[10] = ' ';
    }
    const std::string outcome = text_at(record, "/event/outcome");
    const char* colour = outcome == "failure" ? "\x1b[31m" : "\x1b[32m";
    std::string user = text_at(record, "/user/name");
    if (user.empty() && !text_at(record, "/postern/claimed/user").empty()) {
        user = fmt::format("({})", text_at(record, "/postern/claimed/user"));
    }
    fmt::print(out_, "{} {} {}{}{} {} {} {} {} {}\n", fit(time, 23),
               fit(text_at(record, "/event/action"), 21), has_colour_ ? colour : "", fit(outcome, 7),
               has_colour_ ? "\x1b[0m" : "", fit(text_at(record, "/event/reason"), 19), fit(user, 14),
               fit(text_at(record, "/service/name"), 14), fit(source_of(record), 21), detail_of(record));
}

void RecordPrinter::flush() {
    std::fflush(out_);
}

bool RecordPrinter::has_failed() const {
    return std::ferror(out_) != 0;
}

}  // namespace postern::audit
