// Rollback detection: whether the store is as far as the audit log says. One that was put back from a backup has
// forgotten what was done since, revocations among it; the log brings it up to date where an administrator says
// so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "audit/log.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/config.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// The newest change by the store's word and by the log's.
struct StoreAge {
    std::uint64_t in_store = 0;
    /// Nothing where the log tells of none: then nothing can be said.
    std::optional<std::uint64_t> in_log;

    /// A change is written to the log before it is committed, so that one may be in the log alone.
    bool is_unfinished() const { return in_log && *in_log == in_store + 1; }
    bool is_restored() const { return in_log && *in_log > in_store + 1; }
};

/// Also while others change the store. Fails as the store does, and with Code::io_failed for the log.
Result<StoreAge> compare_with_log(store::Database& database, const std::filesystem::path& log);

/// What was carried over from the log.
struct CarriedOver {
    std::size_t certificates = 0;
    std::size_t revocations = 0;
    std::size_t sessions = 0;
    /// Who is disabled by it, or was enabled again.
    std::vector<std::string> disabled;
    std::vector<std::string> enabled;
    /// Whose password was changed meanwhile: the old one does not count, the new one is not known.
    std::vector<std::string> without_password;
    /// Who was added meanwhile: they are there, disabled and without a password.
    std::vector<std::string> added;
    std::size_t group_changes = 0;
    /// One-time tokens that may have been used meanwhile, and count no more.
    std::size_t tokens = 0;
    /// Whether the log goes back far enough.
    bool is_whole = true;
};
/// As the audit record and `--json` say it.
nlohmann::json to_json(const CarriedOver& done);

/// Brings the store up to what the log tells, in one transaction with its record ("admin.store_restored", or
/// "admin.store_caught_up" for one unfinished change). Nothing where there is nothing to do. Where the log
/// does not go back far enough, Code::not_found unless `even_if_incomplete`.
Result<std::optional<CarriedOver>> catch_up(store::Database& database, audit::Log& log, const Config& config,
                                            const Actor& actor, const Clock& clock, bool even_if_incomplete);

/// What an administrator is told: cause, and what to do.
std::string told(const StoreAge& age);

}  // namespace postern::ca
