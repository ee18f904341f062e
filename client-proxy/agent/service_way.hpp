// Decides how a service is opened: end to end or passthrough. The CA's catalogue says it, or the person does
// explicitly. What gateways say is only compared with that and decides nothing: a compromised gateway would
// ask for passthrough, to read what should be end to end. Nothing here has side effects.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

/// The values of `Refusal::reason` for these two refusals.
inline constexpr std::string_view kNotListed = "service_not_listed";
inline constexpr std::string_view kContradicted = "gateway_contradicts";

struct ServiceWay {
    Mode mode = Mode::end_to_end;
    bool is_postgres = true;
};

/// `wanted` is the person's explicit choice; `offered` is what gateways say, about any service. Refusals: a
/// service that the CA does not list, unless passthrough is wanted; end to end for a service that is not
/// PostgreSQL; and, unless passthrough is wanted, a service for which a gateway names another protocol than
/// the CA does.
Outcome<ServiceWay> service_way(const Catalogue& catalogue, const std::string& service,
                                std::optional<Mode> wanted, const std::vector<OfferedService>& offered);

/// The refusal that names a gateway which contradicts the CA about the service; no value when none does.
std::optional<Refusal> contradiction(const Catalogue& catalogue, const std::string& service,
                                     const std::vector<OfferedService>& offered);

}  // namespace postern::client
