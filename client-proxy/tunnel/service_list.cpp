#include "client-proxy/tunnel/service_list.hpp"

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/tunnel/gateway_connection.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;

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
        service.gateway = gateway;
        services.push_back(std::move(service));
    }
    return services;
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
        auto connection = co_await GatewayConnection::open(std::move(gateway), std::move(with), patience);
        if (!connection) {
            refused = connection.error();
            continue;
        }
        std::string path = "/v1/services";
        auto body = co_await (*connection)->get(std::move(path), patience);
        if (!body) {
            refused = body.error();
            continue;
        }
        auto offered = offered_services_from_json(*body, entry.name);
        if (!offered) {
            refused = Refusal{
                Code::internal, "the gateway " + entry.name + " gave an answer that makes no sense", {}, {}};
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

Outcome<std::vector<OfferedService>> list_services(const LoginPtr& login,
                                                   std::chrono::milliseconds patience) {
    asio::io_context loop(1);
    std::optional<Outcome<std::vector<OfferedService>>> outcome;
    asio::co_spawn(loop, fetch_services(login, patience),
                   [&](const std::exception_ptr& exception, Outcome<std::vector<OfferedService>> result) {
                       if (exception) {
                           std::rethrow_exception(exception);
                       }
                       outcome = std::move(result);
                   });
    loop.run();
    return *std::move(outcome);
}

}  // namespace postern::client
