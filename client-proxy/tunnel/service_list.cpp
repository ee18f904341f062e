#include "client-proxy/tunnel/service_list.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "client-proxy/tunnel/gateway_connection.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;

bool is_database_name(std::string_view name) {
    return !name.empty() && name.size() < 64 &&
           std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<std::vector<OfferedService>> offered_services_from_json(std::string_view text,
                                                               const std::string& gateway) {
    const Failure malformed{Code::malformed_request, "not a list of services"};
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("services") || !json["services"].is_array()) {
        return malformed;
    }
    std::vector<OfferedService> services;
    for (const auto& item : json["services"]) {
        OfferedService service;
        for (const auto& [key, into] :
             {std::pair{"name", &service.name}, std::pair{"protocol", &service.protocol},
              std::pair{"mode", &service.mode}}) {
            if (!item.is_object() || !item.contains(key) || !item[key].is_string()) {
                return malformed;
            }
            *into = item[key].get<std::string>();
        }
        if (!pki::is_resource_name(service.name)) {
            return malformed;
        }
        if (item.contains("description") && item["description"].is_string()) {
            service.description = item["description"].get<std::string>();
        }
        if (item.contains("database") && item["database"].is_string()) {
            const auto& database = item["database"].get_ref<const std::string&>();
            service.database = is_database_name(database) ? database : std::string();
        }
        service.gateway = gateway;
        services.push_back(std::move(service));
    }
    return services;
}

asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services_of(GatewayEntry gateway, LoginPtr login,
                                                                        std::chrono::milliseconds patience) {
    const std::string name = gateway.name;
    auto connection = co_await GatewayConnection::open(std::move(gateway), std::move(login), patience);
    if (!connection) {
        co_return connection.error();
    }
    std::string path = "/v1/services";
    auto body = co_await (*connection)->get(std::move(path), patience);
    if (!body) {
        co_return body.error();
    }
    auto offered = offered_services_from_json(*body, name);
    if (!offered) {
        Refusal senseless{
            Code::internal, "the gateway " + name + " gave an answer that makes no sense", {}, {}};
        co_return std::move(senseless);
    }
    co_return *std::move(offered);
}

asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services(LoginPtr login,
                                                                     std::chrono::milliseconds patience) {
    std::vector<OfferedService> all;
    std::optional<Refusal> refused;
    bool has_answer = false;
    const auto gateways = login->catalogue().gateways;
    for (const auto& entry : gateways) {
        GatewayEntry gateway = entry;
        LoginPtr with = login;
        auto offered = co_await fetch_services_of(std::move(gateway), std::move(with), patience);
        if (!offered) {
            refused = offered.error();
            continue;
        }
        has_answer = true;
        for (auto& service : *offered) {
            all.push_back(std::move(service));
        }
    }
    if (!has_answer) {
        if (!refused) {
            refused = Refusal{Code::unreachable,
                              "the CA's catalogue names no gateway",
                              "The administrator adds a [[gateway]] with name and address to ca.toml; then "
                              "run: postern login",
                              {}};
        }
        co_return *std::move(refused);
    }
    co_return std::move(all);
}

}  // namespace postern::client
