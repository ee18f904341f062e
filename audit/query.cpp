#include "audit/query.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "audit/chain.hpp"
#include "audit/log_path.hpp"
#include "audit/reverse_reader.hpp"
#include "base/duration.hpp"
#include "base/json.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

bool is_at(const nlohmann::json& record, const char* pointer, std::string_view wanted) {
    const nlohmann::json::json_pointer place(pointer);
    return record.contains(place) && record.at(place).is_string() &&
           record.at(place).get_ref<const std::string&>() == wanted;
}

/// Returns whether `asked` covers `action`: "connection" covers "connection.accepted", and "connection.acc"
/// does not.
bool covers(std::string_view asked, std::string_view action) {
    return action == asked || (action.starts_with(asked) &&
                               (asked.ends_with('.') || action.substr(asked.size()).starts_with('.')));
}

/// The actions that this version of the programs writes.
constexpr std::array<std::string_view, 25> kActions{"admin.ca_created",
                                                    "admin.connection_killed",
                                                    "admin.group_member_added",
                                                    "admin.group_member_removed",
                                                    "admin.password_changed",
                                                    "admin.store_caught_up",
                                                    "admin.store_restored",
                                                    "admin.token_created",
                                                    "admin.token_withdrawn",
                                                    "admin.user_added",
                                                    "admin.user_disabled",
                                                    "admin.user_enabled",
                                                    "certificate.issued",
                                                    "certificate.refused",
                                                    "certificate.renewed",
                                                    "certificate.revoked",
                                                    "config.reload_refused",
                                                    "config.reloaded",
                                                    "connection.accepted",
                                                    "connection.closed",
                                                    "connection.rejected",
                                                    "login.failed",
                                                    "login.succeeded",
                                                    "request.refused",
                                                    "session.ended"};

/// The most actions that are collected from a log, which may have been written by anybody.
constexpr std::size_t kMostNoted = 64;

void note(std::set<std::string, std::less<>>& actions, std::string_view action) {
    if (actions.size() < kMostNoted && actions.find(action) == actions.end()) {
        actions.emplace(action);
    }
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
    // A search in the text avoids parsing most lines. A wanted value that JSON would escape is compared after
    // parsing.
    for (const std::string* wanted : {&user, &service, &outcome, &reason, &session}) {
        const bool is_plain =
            wanted->find_first_of("\"\\") == std::string::npos && printable(*wanted) == *wanted;
        if (is_plain && line.find(*wanted) == std::string_view::npos) {
            return false;
        }
    }
    record = parse_json(line, kAnyDepth);
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
    if (text == "today" || text == "yesterday") {
        const auto midnight = std::chrono::floor<std::chrono::days>(now);
        return format_time(text == "today" ? midnight : midnight - std::chrono::days(1));
    }
    if (const auto ago = parse_duration(text)) {
        return format_time(now - *ago);
    }
    const std::string whole = text.size() == 10 ? fmt::format("{}T00:00:00Z", text) : std::string(text);
    if (const auto time = parse_time(whole)) {
        return format_time(*time);
    }
    return Failure{
        Code::malformed_request,
        fmt::format(
            "'{}' is no time; write 2026-11-22, 2026-11-22T12:30:00Z (UTC), today, yesterday, or 2h for two "
            "hours ago",
            text)};
}

Result<void> check_action(std::string_view asked, const std::set<std::string, std::less<>>& seen) {
    std::set<std::string, std::less<>> known(seen);
    known.insert(kActions.begin(), kActions.end());
    known.insert({std::string(kCheckpointAction), std::string(kStartedAction), std::string(kRotatedAction),
                  std::string(kRecoveredAction)});
    const bool is_known =
        asked.empty() || std::any_of(known.begin(), known.end(),
                                     [&](const std::string& action) { return covers(asked, action); });
    if (is_known) {
        return {};
    }
    return Failure{Code::malformed_request,
                   fmt::format("'{}' is no action; there are {}", printable(asked), fmt::join(known, ", "))};
}

Result<void> check_reason(std::string_view asked, bool is_in_log) {
    std::vector<std::string_view> known;
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        known.push_back(name(static_cast<Code>(code)));
    }
    if (asked.empty() || is_in_log || std::find(known.begin(), known.end(), asked) != known.end()) {
        return {};
    }
    std::sort(known.begin(), known.end());
    return Failure{Code::malformed_request,
                   fmt::format("'{}' is no reason; there are {}", printable(asked), fmt::join(known, ", "))};
}

namespace {

/// Fails when nothing was found because the action or the reason that was asked for does not exist.
Result<void> check_asked(const Filter& filter, const std::set<std::string, std::less<>>& actions,
                         bool has_reason) {
    auto checked = check_action(filter.action, actions);
    return checked ? check_reason(filter.reason, has_reason) : checked;
}

bool mentions_reason(const Filter& filter, std::string_view line) {
    return !filter.reason.empty() && line.find(filter.reason) != std::string_view::npos;
}

/// Reads the records of one log, oldest first, through its rotated files.
class LogSource {
public:
    explicit LogSource(const fs::path& log) : files_(family(log)) {}

    /// Moves to the next record that the filter wants. Returns false at the end of the log.
    Result<bool> next(const Filter& filter, QueryCounts& counts) {
        while (true) {
            if (!reader_) {
                if (at_ == files_.size()) {
                    return false;
                }
                auto opened = LogLineReader::open(files_[at_]);
                if (!opened) {
                    return opened.error();
                }
                reader_.emplace(std::move(*opened));
            }
            const auto item = reader_->next();
            if (item == LogLineReader::Item::failed) {
                return Failure{Code::io_failed, fmt::format("cannot read {}", files_[at_].string())};
            }
            if (item == LogLineReader::Item::end || item == LogLineReader::Item::unfinished) {
                reader_.reset();
                ++at_;
                continue;
            }
            const auto link =
                item == LogLineReader::Item::line ? parse_link(reader_->line()) : Result<Link>(Failure{});
            if (!link) {
                ++counts.skipped;
                continue;
            }
            ++counts.read;
            note(counts.actions, link->action);
            counts.has_reason = counts.has_reason || mentions_reason(filter, reader_->line());
            if (filter.wants(reader_->line(), record_)) {
                time_ = link->time;
                return true;
            }
        }
    }
    std::string_view line() const { return reader_->line(); }
    const nlohmann::json& record() const { return record_; }
    /// The record's time in the format of the records, which sorts in the order of time.
    const std::string& time() const { return time_; }

private:
    std::vector<fs::path> files_;
    std::size_t at_ = 0;
    std::optional<LogLineReader> reader_;
    nlohmann::json record_;
    std::string time_;
};

}  // namespace

Result<void> query(const QueryOptions& options, RecordPrinter& printer, QueryCounts& counts) {
    std::vector<std::unique_ptr<LogSource>> sources;
    const auto advance = [&](std::size_t index) -> Result<void> {
        const auto has_more = sources[index]->next(options.filter, counts);
        if (!has_more) {
            return has_more.error();
        }
        if (!*has_more) {
            sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(index));
        }
        return {};
    };
    for (const fs::path& log : options.files) {
        sources.push_back(std::make_unique<LogSource>(log));
        if (auto begun = advance(sources.size() - 1); !begun) {
            return begun;
        }
    }
    while (!sources.empty()) {
        // Among equal times, the log that was named first comes first.
        const auto oldest =
            std::min_element(sources.begin(), sources.end(),
                             [](const auto& a, const auto& b) { return a->time() < b->time(); });
        printer.print((*oldest)->line(), (*oldest)->record());
        if (++counts.printed == options.limit || printer.has_failed()) {
            return {};
        }
        if (auto gone_on = advance(static_cast<std::size_t>(oldest - sources.begin())); !gone_on) {
            return gone_on;
        }
    }
    return counts.printed == 0 ? check_asked(options.filter, counts.actions, counts.has_reason)
                               : Result<void>();
}

namespace {

/// Returns the last wanted lines of the log, also from its rotated files. `live` is positioned after them.
Result<std::deque<std::string>> last_lines(const TailOptions& options, LogLineReader& live,
                                           QueryCounts& seen) {
    std::deque<std::string> kept;
    std::vector<fs::path> files = family(options.file);
    // This path is the file that `live` has open, even if it is renamed in the meantime.
    files.back() = fmt::format("/proc/self/fd/{}", live.fd());
    bool is_live = true;
    while (!files.empty() && (is_live || kept.size() < options.lines)) {
        auto reader = ReverseLineReader::open(files.back());
        if (!reader) {
            return reader.error();
        }
        files.pop_back();
        if (std::exchange(is_live, false)) {
            live.seek(reader->end());
        }
        while (kept.size() < options.lines) {
            const auto has_line = reader->next();
            if (!has_line) {
                return has_line.error();
            }
            if (!*has_line) {
                break;
            }
            nlohmann::json record;
            if (options.filter.wants(reader->line(), record)) {
                kept.emplace_front(reader->line());
            }
            if (const auto link = parse_link(reader->line())) {
                note(seen.actions, link->action);
            }
            if (mentions_reason(options.filter, reader->line())) {
                seen.has_reason = true;
            }
        }
    }
    return kept;
}

bool is_still_at(const LogLineReader& reader, const fs::path& path) {
    struct stat open_file {};
    struct stat at_path {};
    return ::fstat(reader.fd(), &open_file) == 0 && ::stat(path.c_str(), &at_path) == 0 &&
           open_file.st_ino == at_path.st_ino && open_file.st_dev == at_path.st_dev;
}

}  // namespace

Result<void> tail(const TailOptions& options, RecordPrinter& printer, const std::function<bool()>& is_over) {
    auto reader = LogLineReader::open(options.file);
    if (!reader) {
        return reader.error();
    }
    QueryCounts seen;
    const auto lines = last_lines(options, *reader, seen);
    if (!lines) {
        return lines.error();
    }
    if (lines->empty() && options.lines > 0) {
        if (auto checked = check_asked(options.filter, seen.actions, seen.has_reason); !checked) {
            return checked;
        }
    }
    for (const std::string& line : *lines) {
        printer.print(line, parse_json(line, kAnyDepth));
    }
    printer.flush();
    while (options.is_following && !is_over() && !printer.has_failed()) {
        // This is checked before reading: what was written to the old file before it was renamed must be read
        // before the new file.
        const bool is_current = is_still_at(*reader, options.file);
        auto item = reader->next();
        for (; item == LogLineReader::Item::line || item == LogLineReader::Item::oversized;
             item = reader->next()) {
            nlohmann::json record;
            if (item == LogLineReader::Item::line && options.filter.wants(reader->line(), record)) {
                printer.print(reader->line(), record);
            }
        }
        printer.flush();
        if (!is_current) {
            if (auto next = LogLineReader::open(options.file)) {
                *reader = std::move(*next);
                continue;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return {};
}

}  // namespace postern::audit
