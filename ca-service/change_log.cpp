#include "ca-service/change_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "audit/log_path.hpp"
#include "base/unique_fd.hpp"

namespace postern::ca {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// What is in the line of each change. Quotes inside of texts are escaped: nobody else's text reads so.
constexpr std::string_view kMark = R"("store":{"change":)";
constexpr std::size_t kBlockBytes = 1U << 20;
/// Of a line whose begin is looked for.
constexpr std::size_t kLongestRest = 16U << 20;

/// The whole lines of a file, the last one first.
class LinesBackwards {
public:
    static Result<LinesBackwards> open(const fs::path& file) {
        UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
            return Failure{errno == ENOENT ? Code::not_found : Code::io_failed,
                           fmt::format("cannot read {}: {}", file.string(), std::strerror(errno))};
        }
        return LinesBackwards(std::move(fd), static_cast<std::size_t>(status.st_size));
    }

    /// Valid until the next call; nothing at the file's begin, or where it cannot be read (has_failed()).
    std::optional<std::string_view> next() {
        while (true) {
            const bool is_at_line = end_ > 0 && text_[end_ - 1] == '\n';
            const std::size_t before = end_ < 2 ? std::string::npos : text_.rfind('\n', end_ - 2);
            if (is_at_line && (before != std::string::npos || at_ == 0)) {
                const std::size_t begin = before == std::string::npos ? 0 : before + 1;
                const std::string_view line = std::string_view(text_).substr(begin, end_ - 1 - begin);
                end_ = begin;
                return line;
            }
            if (!is_at_line && before != std::string::npos) {
                // What stands behind the last newline is no whole line.
                end_ = before + 1;
                continue;
            }
            if (at_ == 0 || !read_more()) {
                return std::nullopt;
            }
        }
    }
    bool has_failed() const noexcept { return has_failed_; }

private:
    LinesBackwards(UniqueFd fd, std::size_t size) : fd_(std::move(fd)), at_(size) {}

    /// The block before what was read; what has been told already is dropped.
    bool read_more() {
        const std::size_t size = std::min(at_, kBlockBytes);
        std::string block(size, '\0');
        std::size_t got = 0;
        has_failed_ = end_ > kLongestRest;
        while (got < size && !has_failed_) {
            const auto from = static_cast<off_t>(at_ - size + got);
            const ssize_t count = ::pread(fd_.get(), block.data() + got, size - got, from);
            has_failed_ = count <= 0;
            got += has_failed_ ? 0 : static_cast<std::size_t>(count);
        }
        if (has_failed_) {
            return false;
        }
        text_.resize(end_);
        text_.insert(0, block);
        at_ -= size;
        end_ += size;
        return true;
    }

    UniqueFd fd_;
    /// Where text_ begins in the file.
    std::size_t at_;
    std::string text_;
    /// Behind the last byte that has not been told.
    std::size_t end_ = 0;
    bool has_failed_ = false;
};

std::string text_at(const Json& record, const char* pointer) {
    const Json::json_pointer at(pointer);
    return record.contains(at) && record.at(at).is_string() ? record.at(at).get<std::string>()
                                                            : std::string();
}

std::optional<SystemTime> time_at(const Json& record, const char* pointer) {
    const auto time = parse_time(text_at(record, pointer));
    return time ? std::optional(*time) : std::nullopt;
}

std::optional<LoggedChange> read_change(std::string_view line) {
    if (line.find(kMark) == std::string_view::npos) {
        return std::nullopt;
    }
    const Json record = Json::parse(line, nullptr, false);
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
    const Json::json_pointer groups("/user/group/name");
    if (record.contains(groups) && record.at(groups).is_array()) {
        for (const Json& group : record.at(groups)) {
            if (group.is_string()) {
                change.groups.push_back(group.get<std::string>());
            }
        }
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
        auto lines = LinesBackwards::open(file);
        if (!lines && lines.error().code == Code::not_found) {
            continue;
        }
        if (!lines) {
            return lines.error();
        }
        while (const auto line = lines->next()) {
            auto change = read_change(*line);
            if (change && !take(std::move(*change))) {
                return {};
            }
        }
        if (lines->has_failed()) {
            return Failure{Code::io_failed, fmt::format("cannot read {}", file.string())};
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
