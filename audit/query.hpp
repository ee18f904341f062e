// `postern-audit query` and `postern-audit tail`: they read records in order, select those that a filter
// wants, and print them. Records are streamed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "audit/record_printer.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// The conditions that a record must meet. An empty member is no condition.
struct Filter {
    /// The user.name, or the name that an unverified certificate claimed.
    std::string user;
    std::string service;
    /// The event.action or its leading words: "connection" also covers "connection.accepted".
    std::string action;
    std::string outcome;
    std::string reason;
    /// The postern.session.id or the postern.connection.id.
    std::string session;
    /// Times in the format of the records (RFC 3339, UTC, microseconds). `since` is inclusive, `until` is
    /// not.
    std::string since;
    std::string until;
    /// Whether the log's own checkpoints are wanted as well.
    bool has_checkpoints = false;

    /// Returns whether the line is wanted. If so, `record` is the parsed line.
    bool wants(std::string_view line, nlohmann::json& record) const;
};

/// Parses a point in time as people write it: "2026-11-22", "2026-11-22T12:00:00Z", "today" or "yesterday"
/// (00:00 UTC), or a duration before `now` ("15m", "2h"). Returns it in the format of the records. Fails with
/// Code::malformed_request.
Result<std::string> parse_moment(std::string_view text, SystemTime now);

struct QueryOptions {
    std::vector<std::filesystem::path> files;
    Filter filter;
    /// The largest number of records to print; 0 means no limit.
    std::uint64_t limit = 0;
};

/// Fails with Code::malformed_request, and lists the known actions, when `asked` is neither an action that a
/// program of Postern writes nor one of `seen`.
Result<void> check_action(std::string_view asked, const std::set<std::string, std::less<>>& seen);

/// Fails with Code::malformed_request, and lists the known reasons, when `asked` is no reason of Postern.
/// `is_in_log` means that the log holds it, and then it counts as known.
Result<void> check_reason(std::string_view asked, bool is_in_log);

/// What a query has read and printed.
struct QueryCounts {
    std::uint64_t read = 0;
    std::uint64_t printed = 0;
    /// The number of lines that are no records.
    std::uint64_t skipped = 0;
    /// The actions of the records that were read, up to a bound.
    std::set<std::string, std::less<>> actions;
    /// Whether a line contains the reason that was asked for.
    bool has_reason = false;
};

/// Prints the records that the filter wants, also from rotated files; those of several logs in the order of
/// time. Fails with Code::not_found or Code::io_failed when a file cannot be read, and as check_action() and
/// check_reason() do when nothing was printed. Blocking.
Result<void> query(const QueryOptions& options, RecordPrinter& printer, QueryCounts& counts);

struct TailOptions {
    std::filesystem::path file;
    Filter filter;
    std::size_t lines = 10;
    bool is_following = false;
};

/// Prints the last records, which are read from the end of the log backwards. With `is_following` it then
/// prints new records as they are written, also across rotations, until `is_over` returns true. Fails as
/// query() does. Blocking.
Result<void> tail(const TailOptions& options, RecordPrinter& printer, const std::function<bool()>& is_over);

}  // namespace postern::audit
