#include "audit/record_printer.hpp"

#include <chrono>
#include <initializer_list>

#include <fmt/format.h>

#include "base/duration.hpp"

namespace postern::audit {

namespace {

/// The text at a path of names, with what a terminal could take for a command escaped; empty if there is
/// none.
std::string text_at(const nlohmann::json& record, const char* pointer) {
    const nlohmann::json::json_pointer place(pointer);
    if (!record.contains(place)) {
        return {};
    }
    const auto& value = record.at(place);
    std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return value.is_string() ? text.substr(1, text.size() - 2) : text;
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

/// Of what an administrator did: the account, and who called sudo.
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

/// What a person wants to know besides the columns.
std::string detail_of(const nlohmann::json& record) {
    const auto labelled = [&](const char* label, const char* pointer) {
        const std::string text = text_at(record, pointer);
        return text.empty() ? text : fmt::format("{}={}", label, text);
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
    return join_detail({text_at(record, "/message"), asked_by(record), labelled("stage", "/postern/stage"),
                        labelled("by", "/postern/closed_by"), bytes, duration,
                        labelled("claims", "/postern/claimed/user"),
                        labelled("connection", "/postern/connection/id")});
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
