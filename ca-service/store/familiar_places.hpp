// Where each person has logged in from lately, so that the login throttle knows it again after a restart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

struct FamiliarPlace {
    std::string user{};
    /// The form that throttled_network() gives.
    std::string network{};
};

/// How many places are kept of one user: those of the last logins.
inline constexpr std::size_t kMostPlacesOfAUser = 16;

/// Notes a login from `place` at `now`. Call it inside the write transaction of the login.
Result<void> note_familiar_place(Database& database, const FamiliarPlace& place, SystemTime now);
/// Returns the places of the last logins of all users, `most` at the most, the oldest first.
Result<std::vector<FamiliarPlace>> familiar_places(Database& database, std::size_t most);
/// Removes the places from which nobody has logged in since `before`. Returns how many.
Result<long long> forget_familiar_places(Database& database, SystemTime before);

}  // namespace postern::ca::store
