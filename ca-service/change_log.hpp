// Reads the store's changes in the audit log, from the log's end backwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace postern::ca {

/// The server that a certificate was issued to, as the audit record names it.
struct LoggedServer {
    std::string kind;
    std::string name;
    std::vector<std::string> more_services;
    /// All DNS names and IP addresses in the certificate, including those that the CA added.
    std::vector<std::string> names;
};

/// One change in the audit log, with the fields by which a store that lacks the change can be brought up to
/// date.
struct LoggedChange {
    std::uint64_t number = 0;
    SystemTime time{};
    std::string action;
    std::string user;
    std::vector<std::string> groups;
    std::string session_id;
    /// The serial number of the certificate, a person's or a server's.
    std::string serial;
    std::optional<SystemTime> not_after;
    std::optional<LoggedServer> server;
    /// The record's event.reason.
    std::string reason;
};

/// Returns the number of the newest change in the log (the live file, then its rotated files); empty where
/// there is no log or no change in it. Fails with Code::io_failed.
Result<std::optional<std::uint64_t>> newest_logged_change(const std::filesystem::path& log);

/// Follows the log for its newest change. Each call of newest() reads only what was written since the call
/// before. Thread-safe.
class ChangeLogTail {
public:
    explicit ChangeLogTail(std::filesystem::path log) : log_(std::move(log)) {}
    /// Returns the number of the newest change, or 0 where the log has none. Fails with Code::io_failed.
    Result<std::uint64_t> newest();

private:
    Result<void> read_on();

    const std::filesystem::path log_;
    std::mutex mutex_;
    std::uint64_t newest_ = 0;
    /// The file that was read last, and the offset up to which it was read.
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
    std::uint64_t offset_ = 0;
};

/// What logged_changes() found.
struct LoggedChanges {
    /// The changes in the order in which they were made, without certificates that ended before `oldest` and
    /// sessions that began before it.
    std::vector<LoggedChange> changes;
    std::uint64_t newest = 0;
    /// True when the log reaches back to the change directly after `after`, so that none is missing.
    bool is_whole = false;
};
/// Reads the changes whose number is greater than `after`. Fails with Code::io_failed.
Result<LoggedChanges> logged_changes(const std::filesystem::path& log, std::uint64_t after,
                                     SystemTime oldest);

}  // namespace postern::ca
