// The services that desktops are told of: those that hold a certificate of the server CA as service/<name>,
// and those of ca.toml. Where both name a service, the settings of ca.toml apply. A service that is enrolled
// is listed by its certificate alone, so that nobody types its name twice.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/config.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// A service that desktops are told of, and what lists it.
struct ListedService {
    CatalogueService service;
    /// When the service's longest-lasting certificate ends; empty for a service that only ca.toml lists.
    std::optional<SystemTime> certified_until;
    bool is_in_config = false;
};

/// Returns the listed services, sorted by name. Certificates that have ended at `now` list nothing. Fails
/// with the store's error.
Result<std::vector<ListedService>> listed_services(store::Database& database, const Config& config,
                                                   SystemTime now);

}  // namespace postern::ca
