// What the audit log tells of changes of the store, read from its end backwards.
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

/// The server that a certificate was issued to, as the record names it.
struct LoggedServer {
    std::string kind;
    std::string name;
    std::vector<std::string> more_services;
    /// All in the certificate, those that the CA has added among them.
    std::vector<std::string> names;
};

/// One record of a change, as far as the store could be brought up to date by it.
struct LoggedChange {
    std::uint64_t number = 0;
    SystemTime time{};
    std::string action;
    std::string user;
    std::vector<std::string> groups;
    std::string session_id;
    /// Of the certificate, a person's or a server's.
    std::string serial;
    std::optional<SystemTime> not_after;
    std::optional<LoggedServer> server;
    /// event.reason
    std::string reason;
};

/// The number of the newest change that the log (the live file, then its rotated ones) tells of; nothing
/// where it tells of none, or there is no log. Code::io_failed.
Result<std::optional<std::uint64_t>> newest_logged_change(const std::filesystem::path& log);

/// Follows the log for its newest change: each question costs what was written since the last one. Thread-safe.
class ChangeLogTail {
public:
    explicit ChangeLogTail(std::filesystem::path log) : log_(std::move(log)) {}
    /// 0 where the log tells of none. Code::io_failed.
    Result<std::uint64_t> newest();

private:
    Result<void> read_on();

    const std::filesystem::path log_;
    std::mutex mutex_;
    std::uint64_t newest_ = 0;
    /// The file that was read last, and up to where.
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
    std::uint64_t offset_ = 0;
};

struct LoggedChanges {
    /// In the order in which they were made. Without certificates that ended, and sessions that began, before
    /// `oldest`.
    std::vector<LoggedChange> changes;
    std::uint64_t newest = 0;
    /// Whether the log goes back to the change behind `after`.
    bool is_whole = false;
};
/// Those behind the change of that number.
Result<LoggedChanges> logged_changes(const std::filesystem::path& log, std::uint64_t after,
                                     SystemTime oldest);

}  // namespace postern::ca
