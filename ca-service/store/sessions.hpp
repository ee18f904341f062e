// Login sessions. A session lasts from a login with a password until it expires or is ended. Certificates are
// renewed within it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

struct Session {
    std::string id{};
    std::string user{};
    SystemTime created_at{};
    SystemTime expires_at{};
    /// Set where the session ended before its time: by logout, by an administrator, or with its user.
    std::optional<SystemTime> ended_at{};

    bool is_live(SystemTime now) const { return !ended_at && now < expires_at; }
};

Result<void> add_session(Database& database, const Session& session);
Result<std::optional<Session>> find_session(Database& database, const std::string& id);
/// Returns the user's sessions in which a certificate is usable or can still be made: live ones, and those
/// that are over but have an unrevoked certificate that a tunnel may live by (lived_by_since()).
Result<std::vector<Session>> sessions_with_live_certificates(Database& database, const std::string& user,
                                                             SystemTime now);
/// Ends the session. Returns false when it had ended already or does not exist.
Result<bool> end_session(Database& database, const std::string& id, SystemTime now);
/// Removes sessions that expired before `before` and of which no certificate is left. Returns how many.
Result<long long> forget_sessions(Database& database, SystemTime before);

}  // namespace postern::ca::store
