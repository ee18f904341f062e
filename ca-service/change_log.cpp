#include "ca-service/change_log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include "audit/log_path.hpp"
#include "audit/reverse_reader.hpp"
#include "base/json.hpp"

namespace postern::ca {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// The text that the line of each change contains. Quotes within texts are escaped, so no text from elsewhere
/// reads like it.
constexpr std::string_view kMark = R"("store":{"change":)";

std::string text_at(const Json& record, const char* pointer) {
    const Json::json_pointer at(pointer);
    return record.contains(at) && record.at(at).is_string() ? record.at(at).get<std::string>()
                                                            : std::string();
}

std::optional<SystemTime> time_at(const Json& record, const char* pointer) {
    const auto time = parse_time(text_at(record, pointer));
    return time ? std::optional(*time) : std::nullopt;
}

std::vector<std::string> texts_at(const Json& record, const char* pointer) {
    std::vector<std::string> texts;
    const Json::json_pointer at(pointer);
    if (record.contains(at) && record.at(at).is_array()) {
        for (const Json& text : record.at(at)) {
            if (text.is_string()) {
                texts.push_back(text.get<std::string>());
            }
        }
    }
    return texts;
}

std::optional<LoggedServer> server_of(const Json& record) {
    LoggedServer server;
    server.kind = text_at(record, "/postern/server/kind");
    server.name = text_at(record, "/postern/server/name");
    server.more_services = texts_at(record, "/postern/server/more_services");
    server.names = texts_at(record, "/x509/alternative_names");
    return server.kind.empty() || server.name.empty() ? std::nullopt : std::optional(std::move(server));
}

std::optional<LoggedChange> read_change(std::string_view line) {
    if (line.find(kMark) == std::string_view::npos) {
        return std::nullopt;
    }
    const Json record = parse_json(line, kAnyDepth);
    const Json::json_pointer number("/postern/store/change");
    if (!record.is_object() || !record.contains(number) || !record.at(number).is_number_unsigned()) {
        return std::nullopt;
    }
    LoggedChange change;
    change.number = record.at(number).get<std::uint64_t>();
    change.time = time_at(record, "/@timestamp").value_or(SystemTime());
    change.action = text_at(record, "/event/action");
    change.reason = text_at(record, "/event/reason");
    change.user = text_at(record, "/user/name");
    change.session_id = text_at(record, "/postern/session/id");
    change.serial = text_at(record, "/tls/client/x509/serial_number");
    change.not_after = time_at(record, "/tls/client/x509/not_after");
    change.groups = texts_at(record, "/user/group/name");
    if (change.action == "certificate.issued" && change.session_id.empty()) {
        change.server = server_of(record);
        change.serial = text_at(record, "/x509/serial_number");
        change.not_after = time_at(record, "/x509/not_after");
    }
    return change;
}

/// Calls `take` with each change, the newest first, until it returns false.
template <class Take>
Result<void> walk_back(const fs::path& log, Take&& take) {
    std::vector<fs::path> files = audit::rotated_files(log);
    files.push_back(log);
    std::ranges::reverse(files);
    for (const fs::path& file : files) {
        auto lines = audit::ReverseLineReader::open(file);
        if (!lines && lines.error().code == Code::not_found) {
            continue;
        }
        if (!lines) {
            return lines.error();
        }
        while (true) {
            const auto has_line = lines->next();
            if (!has_line) {
                return with_context(file.string(), has_line.error());
            }
            if (!*has_line) {
                break;
            }
            auto change = read_change(lines->line());
            if (change && !take(std::move(*change))) {
                return {};
            }
        }
    }
    return {};
}

bool is_past(const LoggedChange& change, SystemTime oldest) {
    const bool is_of_certificate =
        change.action == "certificate.issued" || change.action == "certificate.renewed";
    return (is_of_certificate && change.not_after && *change.not_after < oldest) ||
           (change.action == "login.succeeded" && change.time < oldest);
}

}  // namespace

Result<std::optional<std::uint64_t>> newest_logged_change(const fs::path& log) {
    std::optional<std::uint64_t> newest;
    auto walked = walk_back(log, [&](LoggedChange&& change) {
        newest = change.number;
        return false;
    });
    if (!walked) {
        return walked.error();
    }
    return newest;
}

Result<std::uint64_t> ChangeLogTail::newest() {
    const std::lock_guard lock(mutex_);
    struct stat info {};
    if (::stat(log_.c_str(), &info) != 0) {
        // The log is between two files, or was taken away. What it said before stays true.
        return newest_;
    }
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const bool is_the_same = info.st_dev == device_ && info.st_ino == inode_ && size >= offset_;
    if (!is_the_same) {
        // The end is read first, so that what is written while the log is searched is read afterwards.
        const auto end = audit::ReverseLineReader::open(log_);
        const auto found = newest_logged_change(log_);
        if (!found) {
            return found.error();
        }
        newest_ = std::max(newest_, found->value_or(0));
        device_ = info.st_dev;
        inode_ = info.st_ino;
        offset_ = end ? std::min(size, end->end()) : 0;
    }
    if (size > offset_) {
        if (auto read = read_on(); !read) {
            return read.error();
        }
    }
    return newest_;
}

Result<void> ChangeLogTail::read_on() {
    auto reader = audit::LogLineReader::open(log_, offset_);
    if (!reader) {
        return reader.error().code == Code::not_found ? Result<void>() : Result<void>(reader.error());
    }
    while (true) {
        const auto item = reader->next();
        if (item == audit::LogLineReader::Item::failed) {
            return Failure{Code::io_failed, "cannot read " + log_.string()};
        }
        if (item == audit::LogLineReader::Item::end || item == audit::LogLineReader::Item::unfinished) {
            offset_ = reader->line_offset();
            return {};
        }
        if (const auto change = read_change(reader->line())) {
            newest_ = std::max(newest_, change->number);
        }
    }
}

Result<LoggedChanges> logged_changes(const fs::path& log, std::uint64_t after, SystemTime oldest) {
    LoggedChanges found;
    std::uint64_t lowest = 0;
    auto walked = walk_back(log, [&](LoggedChange&& change) {
        if (change.number <= after) {
            return false;
        }
        found.newest = std::max(found.newest, change.number);
        lowest = change.number;
        if (!is_past(change, oldest)) {
            found.changes.push_back(std::move(change));
        }
        return true;
    });
    if (!walked) {
        return walked.error();
    }
    found.is_whole = lowest == after + 1;
    std::ranges::reverse(found.changes);
    return found;
}

}  // namespace postern::ca
