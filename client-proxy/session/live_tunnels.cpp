#include "client-proxy/session/live_tunnels.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

namespace postern::client {

struct LiveTunnels::Session {
    LocalPortPtr port;
    GatewayEntry gateway;
    boost::asio::any_io_executor executor;
    /// Used only on the session's thread; empty once the entry is gone.
    Cut cut;
    GatewayConnection* connection = nullptr;
    net::RelayCounters counters;
};

struct LiveTunnels::State {
    mutable std::mutex mutex;
    std::uint64_t last_number = 0;
    std::map<std::uint64_t, std::shared_ptr<Session>> sessions;
};

LiveTunnels::Entry::Entry(std::shared_ptr<State> state, std::shared_ptr<Session> session,
                          std::uint64_t number)
    : state_(std::move(state)), session_(std::move(session)), number_(number) {}

LiveTunnels::Entry::~Entry() {
    session_->cut = nullptr;
    session_->connection = nullptr;
    const std::lock_guard lock(state_->mutex);
    session_->port->ended_bytes_in += session_->counters.b_to_a;
    session_->port->ended_bytes_out += session_->counters.a_to_b;
    state_->sessions.erase(number_);
}

net::RelayCounters& LiveTunnels::Entry::counters() noexcept {
    return session_->counters;
}

LiveTunnels::LiveTunnels() : state_(std::make_shared<State>()) {}

std::unique_ptr<LiveTunnels::Entry> LiveTunnels::add(LocalPortPtr port, const Tunnel& tunnel,
                                                     boost::asio::any_io_executor executor, Cut cut) {
    auto session = std::make_shared<Session>();
    session->port = std::move(port);
    session->gateway = tunnel.gateway;
    session->connection = tunnel.stream.get();
    session->executor = std::move(executor);
    session->cut = std::move(cut);
    const std::lock_guard lock(state_->mutex);
    const auto number = ++state_->last_number;
    state_->sessions.emplace(number, session);
    return std::make_unique<Entry>(state_, std::move(session), number);
}

std::size_t LiveTunnels::size() const {
    const std::lock_guard lock(state_->mutex);
    return state_->sessions.size();
}

std::vector<GatewayEntry> LiveTunnels::gateways(const LoginSource& logins) const {
    std::map<std::string, GatewayEntry> each;
    const std::lock_guard lock(state_->mutex);
    for (const auto& [number, session] : state_->sessions) {
        if (session->port->logins.get() == &logins) {
            each.emplace(session->gateway.name, session->gateway);
        }
    }
    std::vector<GatewayEntry> gateways;
    for (auto& [name, gateway] : each) {
        gateways.push_back(std::move(gateway));
    }
    return gateways;
}

Traffic LiveTunnels::traffic(const LocalPort& port) const {
    const std::lock_guard lock(state_->mutex);
    Traffic traffic{0, port.ended_bytes_in, port.ended_bytes_out};
    for (const auto& [number, session] : state_->sessions) {
        if (session->port.get() == &port) {
            ++traffic.connections;
            traffic.bytes_in += session->counters.b_to_a;
            traffic.bytes_out += session->counters.a_to_b;
        }
    }
    return traffic;
}

void LiveTunnels::end_silent(const boost::asio::any_io_executor& executor) {
    std::vector<std::shared_ptr<Session>> own;
    {
        const std::lock_guard lock(state_->mutex);
        for (const auto& [number, session] : state_->sessions) {
            if (session->executor == executor) {
                own.push_back(session);
            }
        }
    }
    const auto now = std::chrono::steady_clock::now();
    for (const auto& session : own) {
        session->connection->end_if_silent(now);
    }
}

void LiveTunnels::cut(const LocalPort* port, const Refusal& why) {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [number, session] : state_->sessions) {
        if (port != nullptr && session->port.get() != port) {
            continue;
        }
        boost::asio::post(session->executor, [session = session, why] {
            if (const auto cut = std::exchange(session->cut, nullptr)) {
                cut(why);
            }
        });
    }
}

}  // namespace postern::client
