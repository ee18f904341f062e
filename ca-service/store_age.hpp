// Rollback detection: compares the store with the audit log. A store that was restored from a backup has
// forgotten what was done since, revocations among it. The log brings it up to date when an administrator
// says so.
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

/// The numbers of the newest change in the store and in the audit log.
struct StoreAge {
    std::uint64_t in_store = 0;
    /// Empty where the log has no change; then nothing can be said.
    std::optional<std::uint64_t> in_log;

    /// Returns true where the log has one change more. A change is written to the log before it is committed,
    /// so that one may be in the log alone.
    bool is_unfinished() const { return in_log && *in_log == in_store + 1; }
    /// Returns true where the log has at least two changes more: then the store was restored from a backup.
    bool is_restored() const { return in_log && *in_log > in_store + 1; }
};

/// Compares the two, also while other processes change the store. Fails with the store's error, or with
/// Code::io_failed for the log.
Result<StoreAge> compare_with_log(store::Database& database, const std::filesystem::path& log);

/// What catch_up() carried over from the log to the store.
struct CarriedOver {
    std::size_t certificates = 0;
    std::size_t revocations = 0;
    std::size_t sessions = 0;
    /// Users who are now disabled, and users who were enabled again.
    std::vector<std::string> disabled;
    std::vector<std::string> enabled;
    /// Users whose password was changed after the backup: the old one does not count any more, and the new
    /// one is not known.
    std::vector<std::string> without_password;
    /// Users who were added after the backup: they exist now, disabled and without a password.
    std::vector<std::string> added;
    std::size_t group_changes = 0;
    /// How many one-time tokens were withdrawn, because they may have been used after the backup.
    std::size_t tokens = 0;
    /// Whether the log goes back to the store's last change.
    bool is_whole = true;
};
/// Returns the object that the audit record and `--json` hold.
nlohmann::json to_json(const CarriedOver& done);

/// Brings the store up to the log's newest change, in one transaction with its record
/// ("admin.store_restored", or "admin.store_caught_up" for one unfinished change). Returns nothing where
/// there is nothing to do. Where the log does not go back far enough, fails with Code::not_found unless
/// `even_if_incomplete`.
Result<std::optional<CarriedOver>> catch_up(store::Database& database, audit::Log& log, const Config& config,
                                            const Actor& actor, const Clock& clock, bool even_if_incomplete);

/// Returns a sentence for an administrator: how old the store is, and what that means.
std::string told(const StoreAge& age);

}  // namespace postern::ca
