#include "client-proxy/tunnel/service_list.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "net/await.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;

bool is_database_name(std::string_view name) {
    return !name.empty() && name.size() < 64 && shown(name) == name;
}

Refusal bad_database_name(std::string_view name) {
    return {Code::config_invalid,
            fmt::format("'{}' is no database's name here: it has control characters or others that are not seen, is no "
                        "UTF-8 text, or has more than 63 bytes",
                        shown(name)),
            "Leave --database out, and name it to the program that connects.",
            {}};
}

Result<std::vector<OfferedService>> offered_services_from_json(std::string_view text,
                                                               const std::string& gateway) {
    const Failure malformed{Code::malformed_request, "not a list of services"};
    const auto json = parse_json(text);
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
                                                                        std::chrono::milliseconds timeout) {
    const std::string name = gateway.name;
    auto connection = co_await GatewayConnection::open(std::move(gateway), std::move(login), timeout);
    if (!connection) {
        co_return connection.error();
    }
    std::string path = "/v1/services";
    auto body = co_await (*connection)->get(std::move(path), timeout);
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

namespace {

/// The answers of gateways that are asked at the same time, in the catalogue's order. Used on one event loop.
struct Answers {
    Answers(const asio::any_io_executor& executor, std::size_t count)
        : offered(count), left(count), is_complete(executor, asio::steady_timer::time_point::max()) {}

    std::vector<std::optional<Outcome<std::vector<OfferedService>>>> offered;
    std::size_t left;
    asio::steady_timer is_complete;
};

/// Counts one question as finished, in whatever way it ends.
class EndOfAnswers {
public:
    explicit EndOfAnswers(std::shared_ptr<Answers> answers) : answers_(std::move(answers)) {}
    ~EndOfAnswers() {
        if (--answers_->left == 0) {
            answers_->is_complete.cancel();
        }
    }
    EndOfAnswers(const EndOfAnswers&) = delete;
    EndOfAnswers& operator=(const EndOfAnswers&) = delete;

private:
    std::shared_ptr<Answers> answers_;
};

asio::awaitable<void> ask_one(std::shared_ptr<Answers> answers, std::size_t place, GatewayEntry gateway,
                              LoginPtr login, std::chrono::milliseconds timeout) {
    const EndOfAnswers ending(answers);
    auto offered = co_await fetch_services_of(std::move(gateway), std::move(login), timeout);
    answers->offered[place].emplace(std::move(offered));
}

}  // namespace

asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services(LoginPtr login,
                                                                     std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    const auto& gateways = login->catalogue().gateways;
    const auto answers = std::make_shared<Answers>(executor, gateways.size());
    for (std::size_t place = 0; place < gateways.size(); ++place) {
        GatewayEntry gateway = gateways[place];
        LoginPtr with = login;
        auto asking = ask_one(answers, place, std::move(gateway), std::move(with), timeout);
        asio::co_spawn(executor, std::move(asking), asio::detached);
    }
    while (answers->left > 0) {
        co_await answers->is_complete.async_wait(net::kAwait);
    }
    std::vector<OfferedService> all;
    std::optional<Refusal> refused;
    bool has_answer = false;
    for (auto& offered : answers->offered) {
        if (!offered || !*offered) {
            refused = offered ? offered->error() : refused;
            continue;
        }
        has_answer = true;
        for (auto& service : **offered) {
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
