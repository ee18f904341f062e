// What the CA service says there is: gateways and where they are, and what is special about a service. The
// names that servers must prove come from here, never from a gateway.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.hpp"

namespace postern::client {

struct GatewayEntry {
    std::string name;
    /// host:port
    std::string address;
};

struct ServiceEntry {
    std::string name;
    /// The DNS name in a PostgreSQL certificate from elsewhere; empty: the certificate is for service/<name>.
    std::string server_name;
    /// Whether its PostgreSQL maps login names to database users (pg_ident.conf).
    bool user_map = false;
};

struct Catalogue {
    std::vector<GatewayEntry> gateways;
    std::vector<ServiceEntry> services;

    /// What is known of the service; one with nothing special when it is not listed.
    ServiceEntry service(std::string_view name) const;
};

/// Code::malformed_request when a part is missing, of a wrong type, or no name or address.
Result<Catalogue> catalogue_from_json(const nlohmann::json& json);
nlohmann::json to_json(const Catalogue& catalogue);

}  // namespace postern::client
