// Finds the end of the chain when a writer opens a log, and tells a torn last line, which a crash leaves,
// from tampering. A log that was tampered with stays closed, so that new records do not help to hide it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// Where the chain ends in a file, so where the next record goes.
struct ChainEnd {
    std::string log_id;
    std::uint64_t size = 0;
    std::uint64_t sequence = 0;
    std::uint64_t first_sequence = 0;
    std::uint64_t unsigned_records = 0;
    std::string hash{kNoPredecessor};
    /// The offset in bytes at which a torn last line begins. The line must be cut off before the file is
    /// continued.
    std::optional<std::uint64_t> torn_at;
};

/// Returns Code::audit_unavailable with the file's name and `what` is wrong with it.
Failure unavailable(const std::filesystem::path& file, std::string_view what);

/// Finds the end of the live file, which must reach as far as `head`. For a file without a complete record
/// only `size` and `torn_at` are set. Fails with Code::audit_unavailable and the first bad line.
Result<ChainEnd> find_chain_end(const std::filesystem::path& file, const KeyRing& keys, const Head& head);

/// Finds the end of a rotated file, which must end in the checkpoint of its rotation. Fails with
/// Code::audit_unavailable.
Result<ChainEnd> find_end_of_closed(const std::filesystem::path& file, const KeyRing& keys);

/// Copies everything from `offset` (in bytes) on to "<file>.torn-<n>", at most kLongestReadLine bytes, and
/// cuts it off. Returns the name of the copy. Fails with Code::audit_unavailable.
Result<std::string> keep_torn_aside(const std::filesystem::path& file, int fd, std::uint64_t offset);

}  // namespace postern::audit
