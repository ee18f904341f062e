#include "audit/query.hpp"

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "audit/chain.hpp"
#include "audit/log_path.hpp"
#include "base/duration.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

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

bool is_at(const nlohmann::json& record, const char* pointer, std::string_view wanted) {
    const nlohmann::json::json_pointer place(pointer);
    return record.contains(place) && record.at(place).is_string() &&
           record.at(place).get_ref<const std::string&>() == wanted;
}

/// "connection" covers "connection.accepted", "connection.acc" does not.
bool covers(std::string_view asked, std::string_view action) {
    return action == asked || (action.starts_with(asked) &&
                               (asked.ends_with('.') || action.substr(asked.size()).starts_with('.')));
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
    return join_detail({text_at(record, "/message"), labelled("stage", "/postern/stage"),
                        labelled("by", "/postern/closed_by"), bytes, duration,
                        labelled("claims", "/postern/claimed/user"),
                        labelled("connection", "/postern/connection/id")});
}

std::string source_of(const nlohmann::json& record) {
    const std::string ip = text_at(record, "/source/ip");
    const std::string port = text_at(record, "/source/port");
    if (ip.empty() || port.empty()) {
        return ip;
    }
    return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port)
                                             : fmt::format("[{}]:{}", ip, port);
}

/// Only what a record's line may have: an edited file must not play with the terminal.
std::string printable(std::string_view line) {
    std::string text(line);
    for (char& c : text) {
        c = c >= 0x20 && c < 0x7f ? c : '?';
    }
    return text;
}

std::vector<fs::path> family(const fs::path& file) {
    std::vector<fs::path> files = is_rotated(file) ? std::vector<fs::path>() : rotated_files(file);
    files.push_back(file);
    return files;
}

}  // namespace

bool Filter::wants(std::string_view line, nlohmann::json& record) const {
    const auto link = parse_link(line);
    if (!link || (!since.empty() && link->time < since) || (!until.empty() && link->time >= until)) {
        return false;
    }
    if (!action.empty() ? !covers(action, link->action)
                        : link->action == kCheckpointAction && !has_checkpoints) {
        return false;
    }
    // A look at the text saves most lines from being parsed; what JSON escapes goes the long way.
    for (const std::string* wanted : {&user, &service, &outcome, &reason, &session}) {
        const bool is_plain =
            wanted->find_first_of("\"\\") == std::string::npos && printable(*wanted) == *wanted;
        if (is_plain && line.find(*wanted) == std::string_view::npos) {
            return false;
        }
    }
    record = nlohmann::json::parse(line, nullptr, false);
    if (!record.is_object()) {
        return false;
    }
    const auto is_either = [&](std::string_view wanted, const char* one, const char* other) {
        return wanted.empty() || is_at(record, one, wanted) || is_at(record, other, wanted);
    };
    return is_either(user, "/user/name", "/postern/claimed/user") &&
           is_either(service, "/service/name", "/service/name") &&
           is_either(outcome, "/event/outcome", "/event/outcome") &&
           is_either(reason, "/event/reason", "/event/reason") &&
           is_either(session, "/postern/session/id", "/postern/connection/id");
}

Result<std::string> parse_moment(std::string_view text, SystemTime now) {
    if (const auto ago = parse_duration(text)) {
        return format_time(now - *ago);
    }
    const std::string whole = text.size() == 10 ? fmt::format("{}T00:00:00Z", text) : std::string(text);
    if (const auto time = parse_time(whole)) {
        return format_time(*time);
    }
    return Failure{
        Code::malformed_request,
        fmt::format("'{}' is no time; write 2026-11-22, 2026-11-22T12:30:00Z (UTC), or 2h for two hours ago",
                    text)};
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

Result<void> query(const QueryOptions& options, RecordPrinter& printer, std::uint64_t& skipped) {
    std::uint64_t printed = 0;
    for (const fs::path& named : options.files) {
        for (const fs::path& file : family(named)) {
            auto reader = LineReader::open(file);
            if (!reader) {
                return reader.error();
            }
            for (auto item = reader->next(); item != LineReader::Item::end; item = reader->next()) {
                if (item == LineReader::Item::failed) {
                    return Failure{Code::io_failed, fmt::format("cannot read {}", file.string())};
                }
                if (item == LineReader::Item::unfinished) {
                    break;
                }
                nlohmann::json record;
                if (item == LineReader::Item::oversized || !parse_link(reader->line())) {
                    ++skipped;
                } else if (options.filter.wants(reader->line(), record)) {
                    printer.print(reader->line(), record);
                    if (++printed == options.limit || printer.has_failed()) {
                        return {};
                    }
                }
            }
        }
    }
    return {};
}

namespace {

/// The last wanted lines of the log, also from its rotated files; `offset` is where the live file was read
/// to.
Result<std::deque<std::string>> last_lines(const TailOptions& options, std::optional<LineReader>& live) {
    std::deque<std::string> kept;
    std::vector<fs::path> files = family(options.file);
    while (!files.empty()) {
        auto reader = LineReader::open(files.back());
        if (!reader) {
            return reader.error();
        }
        files.pop_back();
        std::deque<std::string> of_file;
        const std::size_t wanted = options.lines - kept.size();
        auto item = reader->next();
        for (; item == LineReader::Item::line || item == LineReader::Item::oversized; item = reader->next()) {
            nlohmann::json record;
            if (item == LineReader::Item::line && wanted > 0 &&
                options.filter.wants(reader->line(), record)) {
                of_file.emplace_back(reader->line());
                if (of_file.size() > wanted) {
                    of_file.pop_front();
                }
            }
        }
        kept.insert(kept.begin(), of_file.begin(), of_file.end());
        if (!live) {
            live.emplace(std::move(*reader));
        }
        if (kept.size() >= options.lines) {
            break;
        }
    }
    return kept;
}

bool is_still_at(const LineReader& reader, const fs::path& path) {
    struct stat open_file {};
    struct stat at_path {};
    return ::fstat(reader.fd(), &open_file) == 0 && ::stat(path.c_str(), &at_path) == 0 &&
           open_file.st_ino == at_path.st_ino && open_file.st_dev == at_path.st_dev;
}

}  // namespace

Result<void> tail(const TailOptions& options, RecordPrinter& printer, const std::function<bool()>& is_over) {
    std::optional<LineReader> reader;
    const auto lines = last_lines(options, reader);
    if (!lines) {
        return lines.error();
    }
    for (const std::string& line : *lines) {
        printer.print(line, nlohmann::json::parse(line, nullptr, false));
    }
    printer.flush();
    while (options.is_following && !is_over() && !printer.has_failed()) {
        // Looked at first: what was written to the old file before it was renamed must be read before the new
        // one.
        const bool is_current = is_still_at(*reader, options.file);
        auto item = reader->next();
        for (; item == LineReader::Item::line || item == LineReader::Item::oversized; item = reader->next()) {
            nlohmann::json record;
            if (item == LineReader::Item::line && options.filter.wants(reader->line(), record)) {
                printer.print(reader->line(), record);
            }
        }
        printer.flush();
        if (!is_current) {
            if (auto next = LineReader::open(options.file)) {
                reader.emplace(std::move(*next));
                continue;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return {};
}

}  // namespace postern::audit
