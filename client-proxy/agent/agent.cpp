#include "client-proxy/agent/agent.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/memory.hpp"
#include "client-proxy/session/end_to_end_session.hpp"
#include "client-proxy/session/local_peer.hpp"
#include "client-proxy/session/passthrough_session.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kGatewayPatience = std::chrono::seconds(5);
constexpr int kShowings = 5;

asio::awaitable<void> return_memory(const LiveTunnels& tunnels) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    MemoryReturn memory;
    while (true) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(asio::use_awaitable);
        memory.note(tunnels.size());
    }
}

// Again until it is seen: a tunnel whose gateway does not hear of the new certificate is cut when the old one
// ends.
asio::awaitable<void> show_to_gateways(Agent& agent, LoginPtr login) {
    const auto executor = co_await asio::this_coro::executor;
    std::vector<GatewayEntry> left = agent.tunnels().gateways();
    for (int showing = 0; showing < kShowings && !left.empty(); ++showing) {
        std::vector<GatewayEntry> failed;
        for (const auto& entry : left) {
            GatewayEntry gateway = entry;
            LoginPtr shown = login;
            auto connection =
                co_await GatewayConnection::open(std::move(gateway), std::move(shown), kGatewayPatience);
            bool is_seen = false;
            if (connection) {
                std::string path = "/v1/services";
                const auto answer = co_await (*connection)->get(std::move(path), kGatewayPatience);
                is_seen = answer.has_value();
            }
            if (!is_seen) {
                failed.push_back(entry);
            }
        }
        left = std::move(failed);
        if (!left.empty()) {
            asio::steady_timer pause(executor, std::chrono::seconds(2));
            co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }
}

// Until then a client of another protocol, which waits for the server to speak first, would wait for nothing.
asio::awaitable<void> learn_from_gateways(Agent& agent) {
    const auto executor = co_await asio::this_coro::executor;
    for (;;) {
        LoginPtr login = agent.logins().latest();
        if (login) {
            const auto services = co_await fetch_services(std::move(login), kGatewayPatience);
            if (services) {
                for (const auto& service : *services) {
                    agent.set_protocol(service.name, service.protocol == "postgres");
                }
                co_return;
            }
        }
        asio::steady_timer pause(executor, std::chrono::seconds(3));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Code code_named(std::string_view text) {
    for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
        if (name(static_cast<Code>(i)) == text) {
            return static_cast<Code>(i);
        }
    }
    return Code::internal;
}

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

std::string text_in(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Agent::Agent(Notes& notes, AgentOptions options)
    : notes_(notes), options_(options), slots_(options.sessions, 0), loops_(options.loops) {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        pending_.push_back(std::make_unique<net::PendingConnections>(
            std::max<std::size_t>(1, options.pending / loops_.size())));
    }
}

Agent::~Agent() {
    listeners_.clear();
    loops_.stop();
}

void Agent::start() {
    net::spawn(loops_.at(0), "memory", return_memory(tunnels_));
    loops_.start();
}

Result<unsigned short> Agent::listen(std::string service, Mode mode, bool is_postgres, unsigned short port) {
    auto first = net::Listener::bind(net::Address{"127.0.0.1", std::to_string(port)});
    if (!first) {
        return first.error();
    }
    const unsigned short bound = first->port();
    // "localhost" is ::1 as well: whoever else listened there would be asked for the password first.
    auto second = net::Listener::bind(net::Address{"::1", std::to_string(bound)});
    if (!second && second.error().code == Code::already_exists) {
        return second.error();
    }
    auto made = std::make_unique<PortService>(std::move(service), mode, is_postgres);
    const PortService& leads_to = *made;
    {
        const std::lock_guard lock(services_mutex_);
        services_.push_back(std::move(made));
    }
    const auto serve_one = [this, &leads_to](asio::io_context& loop, std::size_t index,
                                             net::PlainStream local) {
        serve(leads_to, loop, index, std::move(local));
    };
    first->accept_on(loops_, serve_one);
    listeners_.push_back(*std::move(first));
    if (second) {
        second->accept_on(loops_, serve_one);
        listeners_.push_back(*std::move(second));
    }
    return bound;
}

void Agent::serve(const PortService& service, asio::io_context& loop, std::size_t index,
                  net::PlainStream local) {
    if (!options_.admits_other_users && !is_peer_own_user(local.fd())) {
        notes_.refused(service.name, Refusal{Code::policy_denied,
                                             "a process of another user of this machine connected",
                                             "Each user runs postern for themselves.",
                                             {}});
        return;
    }
    if (service.mode == Mode::end_to_end) {
        net::spawn(loop, "end_to_end", serve_end_to_end(*this, service, index, std::move(local)));
    } else {
        net::spawn(loop, "passthrough", serve_passthrough(*this, service, index, std::move(local)));
    }
}

void Agent::learn_protocols() {
    net::spawn(loops_.at(0), "learn", learn_from_gateways(*this));
}

void Agent::set_protocol(const std::string& service, bool is_postgres) {
    const std::lock_guard lock(services_mutex_);
    for (const auto& known : services_) {
        if (known->name == service && known->mode == Mode::passthrough) {
            known->is_postgres = is_postgres;
        }
    }
}

void Agent::show(LoginPtr login) {
    if (tunnels_.size() > 0) {
        net::spawn(loops_.at(0), "show", show_to_gateways(*this, std::move(login)));
    }
}

void Agent::stop() {
    for (auto& listener : listeners_) {
        listener.stop();
    }
    tunnels_.cut_all();
    const auto until = std::chrono::steady_clock::now() + options_.drain_patience;
    while (slots_.size() > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    listeners_.clear();
    loops_.stop();
}

asio::awaitable<Refusal> ask_why_cut(Agent& agent, GatewayEntry gateway, std::string connection_id) {
    Refusal unknown{Code::end_of_stream,
                    fmt::format("the tunnel through the gateway {} was cut", gateway.name), "Connect again.",
                    connection_id};
    LoginPtr login = agent.logins().latest();
    if (!login) {
        unknown.message = "this machine is logged out";
        unknown.hint = "Run: postern login, then connect again.";
        co_return std::move(unknown);
    }
    const std::string gateway_name = gateway.name;
    auto connection =
        co_await GatewayConnection::open(std::move(gateway), std::move(login), kGatewayPatience);
    if (!connection) {
        unknown.hint = "The gateway cannot be asked why; connect again when it is back.";
        co_return std::move(unknown);
    }
    std::string path = "/v1/connections/" + connection_id;
    auto answer = co_await (*connection)->get(std::move(path), kGatewayPatience);
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
    const auto json = nlohmann::json::parse(*answer, nullptr, false);
    const std::string reason = json.is_object() ? text_in(json, "reason") : std::string();
    if (reason.empty()) {
        unknown.message = "PostgreSQL, or the network, ended the connection";
        co_return std::move(unknown);
    }
    Refusal refusal;
    refusal.code = code_named(reason);
    refusal.connection_id = connection_id;
    const std::string message = as_message(text_in(json, "message"));
    refusal.message = fmt::format("the gateway {} ended the connection: {}", gateway_name,
                                  message.empty() ? reason : message);
    refusal.hint = next_step(refusal.code);
    co_return std::move(refusal);
}

}  // namespace postern::client
