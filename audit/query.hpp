// `postern-audit query` and `tail`: reads records in order, keeps those that are asked for, and shows them.
// Streaming.
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

/// What a record must be. Empty members ask for nothing.
struct Filter {
    /// user.name, or the name that an unverified certificate claimed.
    std::string user;
    std::string service;
    /// event.action, or its first words: "connection" also means "connection.accepted".
    std::string action;
    std::string outcome;
    std::string reason;
    /// postern.session.id or postern.connection.id.
    std::string session;
    /// In the record's own form (RFC 3339, UTC, microseconds): from `since` on, before `until`.
    std::string since;
    std::string until;
    /// Also the log's own checkpoints.
    bool has_checkpoints = false;

    /// Whether the line is wanted; `record` is then the parsed line.
    bool wants(std::string_view line, nlohmann::json& record) const;
};

/// A point in time as people say it: "2026-11-22", "2026-11-22T12:00:00Z", "today", "yesterday" (00:00 UTC),
/// or a duration before `now` ("15m", "2h").
Result<std::string> parse_moment(std::string_view text, SystemTime now);

struct QueryOptions {
    std::vector<std::filesystem::path> files;
    Filter filter;
    /// Stop after so many; 0 is no limit.
    std::uint64_t limit = 0;
};

/// Code::malformed_request, with what there is, for an action that no program of Postern writes and that is
/// not among those that `seen` holds.
Result<void> check_action(std::string_view asked, const std::set<std::string, std::less<>>& seen);

/// The same for a reason.
Result<void> check_reason(std::string_view asked, bool is_in_log);

/// What a query went through.
struct QueryCounts {
    std::uint64_t read = 0;
    std::uint64_t printed = 0;
    /// Lines that are no records.
    std::uint64_t skipped = 0;
    /// Of the records that were read, a bounded number.
    std::set<std::string, std::less<>> actions;
    /// Whether one of them holds the reason that was asked for.
    bool has_reason = false;
};

/// Prints what the filter wants, from rotated files too, and of several logs in the order of time. As
/// check_action() and check_reason() where it finds nothing.
Result<void> query(const QueryOptions& options, RecordPrinter& printer, QueryCounts& counts);

struct TailOptions {
    std::filesystem::path file;
    Filter filter;
    std::size_t lines = 10;
    bool is_following = false;
};

/// Prints the last records, which are read from the end on, and, if asked, those to come, through rotations,
/// until `is_over` says so. As query() where it finds nothing.
Result<void> tail(const TailOptions& options, RecordPrinter& printer, const std::function<bool()>& is_over);

}  // namespace postern::audit
