// What a writer finds on the disk when it opens a log: where the chain ends, and whether a crash left a torn
// last line or somebody tampered with it. Who tampered is not helped to cover it: the log stays closed then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// Where the next record goes.
struct ChainEnd {
    std::string log_id;
    std::uint64_t size = 0;
    std::uint64_t sequence = 0;
    std::uint64_t first_sequence = 0;
    std::uint64_t unsigned_records = 0;
    std::string hash{kNoPredecessor};
    /// Where a torn last line begins. It has to go before the file can be continued.
    std::optional<std::uint64_t> torn_at;
};

/// Code::audit_unavailable with the file and what is wrong with it.
Failure unavailable(const std::filesystem::path& file, std::string_view what);

/// The end of the file that is being written, which must reach as far as `head`. A file without a whole
/// record has a size or a torn line, and nothing else. Code::audit_unavailable with the first bad line.
Result<ChainEnd> find_chain_end(const std::filesystem::path& file, const KeyRing& keys, const Head& head);

/// The end of a rotated file, which must be closed in order.
Result<ChainEnd> find_end_of_closed(const std::filesystem::path& file, const KeyRing& keys);

/// Copies what stands from `offset` on to "<file>.torn-<n>" and cuts it off. Returns the name of the copy.
Result<std::string> keep_torn_aside(const std::filesystem::path& file, int fd, std::uint64_t offset);

}  // namespace postern::audit
