#include "client-proxy/config/catalogue.hpp"

#include "net/plain_stream.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

Failure malformed(std::string what) {
    return {Code::malformed_request, "catalogue: " + std::move(what)};
}

/// The string member `key`; empty when it is absent or null.
Result<std::string> text(const nlohmann::json& object, const char* key) {
    if (!object.is_object()) {
        return malformed("an entry is no object");
    }
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return std::string();
    }
    if (!found->is_string()) {
        return malformed(std::string(key) + " is no text");
    }
    return found->get<std::string>();
}

/// The boolean member `key`; false when it is absent.
Result<bool> truth(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    if (found != object.end() && !found->is_boolean()) {
        return malformed(std::string(key) + " is neither true nor false");
    }
    return found != object.end() && found->get<bool>();
}

/// Calls name() where a local variable called `name` hides it.
constexpr std::string_view name_of(Mode mode) {
    return name(mode);
}

Result<GatewayEntry> gateway(const nlohmann::json& json) {
    auto name = text(json, "name");
    auto address = text(json, "address");
    if (!name || !pki::is_resource_name(*name)) {
        return malformed("a gateway has no good name");
    }
    if (!address || !net::parse_address(*address)) {
        return malformed("gateway " + *name + " has no good address");
    }
    return GatewayEntry{*name, *address};
}

Result<ServiceEntry> service(const nlohmann::json& json) {
    auto name = text(json, "name");
    auto server_name = text(json, "server_name");
    if (!name || !pki::is_resource_name(*name)) {
        return malformed("a service has no good name");
    }
    if (!server_name) {
        return server_name.error();
    }
    auto protocol = text(json, "protocol");
    auto mode = text(json, "mode");
    if (!protocol || !mode) {
        return protocol ? mode.error() : protocol.error();
    }
    const auto user_map = truth(json, "user_map");
    if (!user_map) {
        return user_map.error();
    }
    // An older CA service sends neither. An unknown protocol is not PostgreSQL.
    const bool is_postgres = protocol->empty() || *protocol == "postgres";
    const bool is_passed = !is_postgres || *mode == name_of(Mode::passthrough);
    return ServiceEntry{*name, *server_name, *user_map, is_postgres,
                        is_passed ? Mode::passthrough : Mode::end_to_end};
}

template <class Entry>
Result<void> read_list(const nlohmann::json& json, const char* key, std::vector<Entry>& into,
                       Result<Entry> (*read)(const nlohmann::json&)) {
    const auto list = json.find(key);
    if (list == json.end() || !list->is_array()) {
        return malformed(std::string("no list of ") + key);
    }
    for (const auto& item : *list) {
        auto entry = read(item);
        if (!entry) {
            return entry.error();
        }
        into.push_back(*std::move(entry));
    }
    return {};
}

}  // namespace

const ServiceEntry* Catalogue::find(std::string_view name) const {
    for (const auto& entry : services) {
        if (entry.name == name) {
            return &entry;
        }
    }
    return nullptr;
}

ServiceEntry Catalogue::service(std::string_view name) const {
    const ServiceEntry* const entry = find(name);
    return entry != nullptr ? *entry : ServiceEntry{std::string(name), {}, false};
}

Result<Catalogue> catalogue_from_json(const nlohmann::json& json) {
    if (!json.is_object()) {
        return malformed("no object");
    }
    Catalogue catalogue;
    if (auto read = read_list(json, "gateways", catalogue.gateways, &gateway); !read) {
        return read.error();
    }
    if (auto read = read_list(json, "services", catalogue.services, &service); !read) {
        return read.error();
    }
    const auto is_complete = truth(json, "complete");
    if (!is_complete) {
        return is_complete.error();
    }
    catalogue.is_complete = *is_complete;
    return catalogue;
}

nlohmann::json to_json(const Catalogue& catalogue) {
    auto gateways = nlohmann::json::array();
    for (const auto& entry : catalogue.gateways) {
        gateways.push_back({{"name", entry.name}, {"address", entry.address}});
    }
    auto services = nlohmann::json::array();
    for (const auto& entry : catalogue.services) {
        nlohmann::json server_name;
        if (!entry.server_name.empty()) {
            server_name = entry.server_name;
        }
        services.push_back({{"name", entry.name},
                            {"server_name", server_name},
                            {"user_map", entry.user_map},
                            {"protocol", entry.is_postgres ? "postgres" : "tcp"},
                            {"mode", name(entry.mode)}});
    }
    return {{"gateways", gateways}, {"services", services}, {"complete", catalogue.is_complete}};
}

}  // namespace postern::client
