// The CA service's catalogue: the gateways and their addresses, and the services with their protocol, their
// mode and the names that their servers must prove. All of this comes from the CA or from a person's explicit
// choice, never from a gateway.
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

/// How a service's bytes are carried: inside TLS that the agent does with the server through the tunnel, or
/// unchanged.
enum class Mode { end_to_end, passthrough };

constexpr std::string_view name(Mode mode) {
    return mode == Mode::end_to_end ? "end_to_end" : "passthrough";
}

struct ServiceEntry {
    std::string name;
    /// The DNS name that a PostgreSQL certificate of another CA bears. When it is empty, the certificate is
    /// the one for service/<name>.
    std::string server_name;
    /// Whether its PostgreSQL maps login names to database users (pg_ident.conf).
    bool user_map = false;
    bool is_postgres = true;
    /// The mode in which the service is opened when the person does not choose one.
    Mode mode = Mode::end_to_end;
};

struct Catalogue {
    std::vector<GatewayEntry> gateways;
    std::vector<ServiceEntry> services;
    /// Whether a service that is not listed does not exist. It is false for the answer of an older CA
    /// service, and when no CA was asked.
    bool is_complete = false;

    /// Null when the service is not listed. The pointer is valid while the catalogue is not changed.
    const ServiceEntry* find(std::string_view name) const;
    /// Returns the entry of the service, or one with default properties when it is not listed.
    ServiceEntry service(std::string_view name) const;
};

/// Errors: Code::malformed_request when a part is missing or has a wrong type, and when a name or address is
/// not valid.
Result<Catalogue> catalogue_from_json(const nlohmann::json& json);
nlohmann::json to_json(const Catalogue& catalogue);

}  // namespace postern::client
