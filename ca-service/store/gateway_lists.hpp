// The revocation list that each gateway said it holds. By it an administrator's command, which is another
// process than the service, sees whom a revocation has reached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::store {

struct GatewayList {
    std::string gateway{};
    std::uint64_t crl_number = 0;
    SystemTime heard_at{};
};

/// Writes the lists in one transaction of its own.
Result<void> note_gateway_lists(Database& database, const std::vector<GatewayList>& lists);
/// Returns the lists, sorted by the gateways' names.
Result<std::vector<GatewayList>> gateway_lists(Database& database);
/// Removes the lists of gateways that were not heard of since `before`. Returns how many.
Result<long long> forget_gateway_lists(Database& database, SystemTime before);

/// The newest list that the service has numbered, and the revocation counter that it covers. Both are 0 where
/// that counter is not known.
struct NewestList {
    std::uint64_t number = 0;
    std::uint64_t revocations = 0;
};
Result<NewestList> newest_list(Database& database);

}  // namespace postern::ca::store
