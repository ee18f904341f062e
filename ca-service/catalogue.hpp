// Which services desktops are told of: those that hold a certificate of the server CA as service/<name>, and
// those of ca.toml, whose word counts where both speak of one. A service that is enrolled is listed by that
// alone, so that nobody types its name twice.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/config.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

struct ListedService {
    CatalogueService service;
    /// When the certificate that lasts longest ends; nothing for one that ca.toml alone lists.
    std::optional<SystemTime> certified_until;
    bool is_in_config = false;
};

/// By name. Those certificates count that have not ended at `now`.
Result<std::vector<ListedService>> listed_services(store::Database& database, const Config& config,
                                                   SystemTime now);

}  // namespace postern::ca
