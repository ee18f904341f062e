// Where a log goes on when a writer comes to its files: in the file at hand, in a new one behind the newest of the
// older ones, or from its beginning. Refuses where something is missing that the signed head names.
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

struct LogPlace {
    /// Null where there is no file yet.
    std::shared_ptr<const UniqueFd> file;
    /// Where the chain stands; nothing for a log that begins.
    std::optional<ChainEnd> end;
    /// Whether that is in `file`. Otherwise a file begins behind `elder`.
    bool is_in_file = false;
    std::string elder;
    /// The name under which a torn last line was kept; empty when there was none.
    std::string kept_as;
};

/// What this process has written or seen of a log: nothing yet with 0.
struct LogSeen {
    std::string log_id;
    std::uint64_t sequence = 0;
};

/// Needs the writer's lock: a torn last line is cut off. Code::audit_unavailable with what is missing or wrong;
/// also where what was seen is not there any more.
Result<LogPlace> find_place(const std::filesystem::path& log, const KeyRing& keys, const LogSeen& seen);

/// Null with errno when it cannot be opened.
std::shared_ptr<const UniqueFd> open_for_append(const std::filesystem::path& file, int flags);

}  // namespace postern::audit
