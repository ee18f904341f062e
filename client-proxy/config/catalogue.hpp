// What the CA service says there is: gateways and where they are, and which services there are: what they
// speak, whether TLS is end to end, and the names that their servers must prove. All of that comes from here
// or from a person's own word, never from a gateway.
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

/// How a service's bytes go: TLS with the server inside the tunnel, or untouched.
enum class Mode { end_to_end, passthrough };

constexpr std::string_view name(Mode mode) {
    return mode == Mode::end_to_end ? "end_to_end" : "passthrough";
}

struct ServiceEntry {
    std::string name;
    /// The DNS name in a PostgreSQL certificate from elsewhere; empty: the certificate is for service/<name>.
    std::string server_name;
    /// Whether its PostgreSQL maps login names to database users (pg_ident.conf).
    bool user_map = false;
    bool is_postgres = true;
    /// What it is opened as when nobody says anything else.
    Mode mode = Mode::end_to_end;
};

struct Catalogue {
    std::vector<GatewayEntry> gateways;
    std::vector<ServiceEntry> services;
    /// Whether what is not listed is not there. False for what an older CA service said, and where there was
    /// none to ask.
    bool is_complete = false;

    /// Null when it is not listed.
    const ServiceEntry* find(std::string_view name) const;
    /// What is known of the service; one with nothing special when it is not listed.
    ServiceEntry service(std::string_view name) const;
};

/// Code::malformed_request when a part is missing, of a wrong type, or no name or address.
Result<Catalogue> catalogue_from_json(const nlohmann::json& json);
nlohmann::json to_json(const Catalogue& catalogue);

}  // namespace postern::client
