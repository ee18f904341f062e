#include "client-proxy/session/live_tunnels.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace postern::client {

struct LiveTunnels::Session {
    GatewayEntry gateway;
    boost::asio::any_io_executor executor;
    /// Touched on the session's thread alone; empty once the entry is gone.
    std::function<void()> cut;
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
    const std::lock_guard lock(state_->mutex);
    state_->sessions.erase(number_);
}

LiveTunnels::LiveTunnels() : state_(std::make_shared<State>()) {}

std::unique_ptr<LiveTunnels::Entry> LiveTunnels::add(GatewayEntry gateway,
                                                     boost::asio::any_io_executor executor,
                                                     std::function<void()> cut) {
    auto session = std::make_shared<Session>();
    session->gateway = std::move(gateway);
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

std::vector<GatewayEntry> LiveTunnels::gateways() const {
    std::map<std::string, GatewayEntry> each;
    const std::lock_guard lock(state_->mutex);
    for (const auto& [number, session] : state_->sessions) {
        each.emplace(session->gateway.name, session->gateway);
    }
    std::vector<GatewayEntry> gateways;
    for (auto& [name, gateway] : each) {
        gateways.push_back(std::move(gateway));
    }
    return gateways;
}

void LiveTunnels::cut_all() {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [number, session] : state_->sessions) {
        boost::asio::post(session->executor, [session = session] {
            if (const auto cut = std::exchange(session->cut, nullptr)) {
                cut();
            }
        });
    }
}

}  // namespace postern::client
