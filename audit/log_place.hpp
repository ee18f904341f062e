// Finds the place where a writer continues a log: in the live file, in a new file after the newest of the
// older ones, or at the beginning of a new log. Refuses a log in which something is missing that the signed
// head names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "audit/chain.hpp"
#include "audit/recovery.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

/// Where a writer continues a log.
struct LogPlace {
    /// The live file; null when there is none.
    std::shared_ptr<const UniqueFd> file;
    /// Where the chain ends; nothing for a new log.
    std::optional<ChainEnd> end;
    /// Whether that end is in `file`. Otherwise a new file begins after the file named `elder`.
    bool is_in_file = false;
    std::string elder;
    /// The name under which a torn last line was kept; empty when there was none.
    std::string kept_as;
};

/// The log and the last sequence number that this process has written or read. The sequence number is 0 when
/// it has seen nothing yet.
struct LogSeen {
    std::string log_id;
    std::uint64_t sequence = 0;
};

/// Finds the place to continue the log, and cuts off a torn last line; for that the caller must hold the
/// WriterLock. Fails with Code::audit_unavailable and says what is missing or wrong, also when `seen` is no
/// longer in the log.
Result<LogPlace> find_place(const std::filesystem::path& log, const KeyRing& keys, const LogSeen& seen);

/// Opens the file to append to, with additional `flags` of open(2). Returns null with errno set on failure.
std::shared_ptr<const UniqueFd> open_for_append(const std::filesystem::path& file, int flags);

}  // namespace postern::audit
