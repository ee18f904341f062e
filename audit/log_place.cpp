#include "audit/log_place.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "audit/log_folder.hpp"
#include "audit/log_path.hpp"
#include "base/file.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

/// The advice when something is missing that cannot be restored.
constexpr std::string_view kStartAgain = "keep what is left as evidence, move it all aside and start again";

Result<Head> load_head(const fs::path& log, const KeyRing& keys) {
    const fs::path path = head_path(log);
    const auto content = read_file(path);
    if (!content) {
        return content.error();
    }
    auto head = parse_head(*content);
    if (!head) {
        return with_context(path.string(), head.error());
    }
    if (auto checked = check_signature(*head, keys); !checked) {
        return with_context(path.string(), checked.error());
    }
    return head;
}

/// Checks that the log still holds what this process has seen; other processes may have appended to it.
Result<void> check_goes_on(const fs::path& log, const LogSeen& seen, const ChainEnd& end) {
    if (seen.sequence == 0 || (end.log_id == seen.log_id && end.sequence >= seen.sequence)) {
        return {};
    }
    return unavailable(
        log, fmt::format("another log, or an older state of it, was put in its place: it ends with record {}, but "
                         "record {} was written; put it back, or {}",
                         end.sequence, seen.sequence, kStartAgain));
}

/// Returns the end of the newest rotated file, after which a new file begins.
Result<ChainEnd> end_before(const fs::path& log, const KeyRing& keys, const LogSeen& seen, const fs::path& elder,
                            const Head& head) {
    auto end = find_end_of_closed(elder, keys);
    if (!end) {
        return unavailable(log, fmt::format("the file before it: {}", end.error().detail));
    }
    if (head.sequence > end->sequence) {
        return unavailable(
            log, fmt::format("the file is gone or empty: {} ends with record {}, but the signed head names record {}",
                             elder.string(), end->sequence, head.sequence));
    }
    if (head.log_id != end->log_id) {
        return unavailable(log, fmt::format("{} belongs to another log than {}; {}", head_path(log).string(),
                                            elder.string(), kStartAgain));
    }
    if (auto known_log = check_goes_on(log, seen, *end); !known_log) {
        return known_log.error();
    }
    return end;
}

/// Finds the end when the live file has no record. `head` is null when there is none. Returns nothing for a
/// new log.
Result<std::optional<ChainEnd>> end_without_a_line(const fs::path& log, const KeyRing& keys, const LogSeen& seen,
                                                   const std::vector<fs::path>& elders, const Head* head) {
    if (!elders.empty()) {
        if (head == nullptr) {
            // No crash leads to this state, because the head is written before the first file of a log.
            return unavailable(
                log, fmt::format("the file is gone or empty and {} is gone, so that nobody can tell whether records "
                                 "were cut off behind {}; put them back, or {}",
                                 head_path(log).string(), elders.back().string(), kStartAgain));
        }
        auto end = end_before(log, keys, seen, elders.back(), *head);
        if (!end) {
            return end.error();
        }
        return std::optional<ChainEnd>(std::move(*end));
    }
    if (head != nullptr && head->sequence > 0) {
        return unavailable(log, fmt::format("the file is gone or empty, but {} names record {}; {}",
                                            head_path(log).string(), head->sequence, kStartAgain));
    }
    if (seen.sequence > 0) {
        return unavailable(log,
                           fmt::format("the file and {} are gone, but record {} was written; put them back, or {}",
                                       head_path(log).string(), seen.sequence, kStartAgain));
    }
    return std::optional<ChainEnd>();
}

/// Returns the end of the file that is open in `place`, and cuts off a torn last line. `head` is null when
/// there is none.
Result<ChainEnd> end_in_file(const fs::path& log, const KeyRing& keys, const LogSeen& seen, const Head* head,
                             LogPlace& place) {
    const Head known = head != nullptr ? *head : Head{"", 0, std::string(kNoPredecessor), "", "", ""};
    auto end = find_chain_end(log, keys, known);
    if (!end && head == nullptr) {
        // Otherwise the message would say that the head belongs to another log.
        return unavailable(log, fmt::format("{} is gone, so that nobody can tell whether records were cut off at the "
                                            "end; put it back, or {}",
                                            head_path(log).string(), kStartAgain));
    }
    if (end && end->sequence > 0) {
        if (auto known_log = check_goes_on(log, seen, *end); !known_log) {
            return known_log.error();
        }
    }
    if (end && end->torn_at) {
        auto kept = keep_torn_aside(log, place.file->get(), *end->torn_at);
        if (!kept) {
            return kept.error();
        }
        place.kept_as = std::move(*kept);
        end = find_chain_end(log, keys, known);
    }
    return end;
}

}  // namespace

std::shared_ptr<const UniqueFd> open_for_append(const fs::path& file, int flags) {
    const int fd =
        ::open(file.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | flags, kLogMode);
    return fd < 0 ? nullptr : std::make_shared<const UniqueFd>(fd);
}

Result<LogPlace> find_place(const fs::path& log, const KeyRing& keys, const LogSeen& seen) {
    const auto loaded = load_head(log, keys);
    if (!loaded && loaded.error().code != Code::not_found) {
        return unavailable(log, loaded.error().detail);
    }
    const Head* const head = loaded ? &*loaded : nullptr;
    const std::vector<fs::path> elders = rotated_files(log);
    LogPlace place;
    place.file = open_for_append(log, 0);
    if (!place.file && errno != ENOENT) {
        return unavailable(log, std::strerror(errno));
    }
    if (place.file) {
        auto end = end_in_file(log, keys, seen, head, place);
        if (!end) {
            return end.error();
        }
        if (end->size > 0) {
            place.end = std::move(*end);
            place.is_in_file = true;
            return place;
        }
    }
    auto end = end_without_a_line(log, keys, seen, elders, head);
    if (!end) {
        return end.error();
    }
    place.end = std::move(*end);
    if (place.end) {
        place.elder = elders.back().filename().string();
    }
    return place;
}

}  // namespace postern::audit
