// From where each person has logged in lately, so that the login throttle knows it again after a restart.
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
    /// As throttled_network() gives it.
    std::string network{};
};

/// How many are kept of one person: the ones of the last logins.
inline constexpr std::size_t kMostPlacesOfAUser = 16;

/// Call inside the write transaction of the login.
Result<void> note_familiar_place(Database& database, const FamiliarPlace& place, SystemTime now);
/// Those of the last logins of all, `most` of them, the oldest first.
Result<std::vector<FamiliarPlace>> familiar_places(Database& database, std::size_t most);
/// Removes those from where nobody has logged in since `before`.
Result<long long> forget_familiar_places(Database& database, SystemTime before);

}  // namespace postern::ca::store
