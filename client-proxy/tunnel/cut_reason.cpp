#include "client-proxy/tunnel/cut_reason.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/reason.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "net/await.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kTimeout = std::chrono::seconds(5);
constexpr int kQuestions = 3;
constexpr auto kBetweenQuestions = std::chrono::milliseconds(200);

std::string_view next_step(Code reason) {
    switch (reason) {
        case Code::expired:
        case Code::revoked:
        case Code::session_ended:
            return "Run: postern login, then connect again.";
        case Code::user_disabled:
        case Code::policy_denied:
            return "Ask the administrator, who finds the connection id in the audit log.";
        default:
            return "Connect again.";
    }
}

}  // namespace

asio::awaitable<Refusal> ask_why_cut(std::shared_ptr<LoginSource> logins, GatewayEntry gateway,
                                     std::string connection_id) {
    Refusal unknown{Code::end_of_stream,
                    fmt::format("the tunnel through the gateway {} was cut", gateway.name), "Connect again.",
                    connection_id};
    LoginPtr login = logins->latest();
    if (!login) {
        unknown.message = "this machine is logged out";
        unknown.hint = "Run: postern login, then connect again.";
        co_return std::move(unknown);
    }
    const std::string gateway_name = gateway.name;
    nlohmann::json told;
    for (int question = 1;; ++question) {
        GatewayEntry whom = gateway;
        LoginPtr shown = login;
        auto connection = co_await GatewayConnection::open(std::move(whom), std::move(shown), kTimeout);
        if (!connection) {
            unknown.hint = "The gateway cannot be asked why; connect again when it is back.";
            co_return std::move(unknown);
        }
        std::string path = "/v1/connections/" + connection_id;
        auto answer = co_await (*connection)->get(std::move(path), kTimeout);
        if (!answer) {
            Refusal refusal = answer.error();
            if (refusal.code == Code::not_found || refusal.code == Code::timed_out ||
                refusal.code == Code::end_of_stream) {
                co_return std::move(unknown);
            }
            refusal.connection_id = connection_id;
            refusal.hint = next_step(refusal.code);
            co_return std::move(refusal);
        }
        told = parse_json(*answer);
        // One thread of the gateway has cut the tunnel, but another one does not know it yet.
        if (control::text_in(told, "state") != "open" || question == kQuestions) {
            break;
        }
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer pause(executor, kBetweenQuestions);
        co_await pause.async_wait(net::kAwait);
    }
    const std::string reason = control::text_in(told, "reason");
    if (reason.empty()) {
        unknown.message = "PostgreSQL, or the network, ended the connection";
        co_return std::move(unknown);
    }
    Refusal refusal;
    refusal.code = code_named(reason);
    refusal.connection_id = connection_id;
    const std::string message = as_message(control::text_in(told, "message"));
    refusal.message = fmt::format("the gateway {} ended the connection: {}", gateway_name,
                                  message.empty() ? reason : message);
    refusal.hint = next_step(refusal.code);
    co_return std::move(refusal);
}

}  // namespace postern::client
