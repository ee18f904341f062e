// The tunnels that are open now: which gateways to show a renewed certificate, what each port carries, and
// what to end when a port closes. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "net/relay.hpp"

namespace postern::client {

/// What goes through one port.
struct Traffic {
    std::size_t connections = 0;
    /// Towards the local programs, and from them; since the port was opened.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    bool operator==(const Traffic&) const = default;
};

class LiveTunnels {
    struct State;
    struct Session;

public:
    /// Called on the session's executor, at most once, only while the entry lives, with what its client is to
    /// be told.
    using Cut = std::function<void(const Refusal& why)>;

    /// To be made and destroyed on the session's thread.
    class Entry {
    public:
        Entry(std::shared_ptr<State> state, std::shared_ptr<Session> session, std::uint64_t number);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

        /// For the relay; a is the local end.
        net::RelayCounters& counters() noexcept;

    private:
        std::shared_ptr<State> state_;
        std::shared_ptr<Session> session_;
        std::uint64_t number_;
    };

    LiveTunnels();
    /// `tunnel` outlives the entry.
    std::unique_ptr<Entry> add(LocalPortPtr port, const Tunnel& tunnel, boost::asio::any_io_executor executor,
                               Cut cut);
    std::size_t size() const;
    /// Each gateway once, of tunnels that show `logins`' certificate.
    std::vector<GatewayEntry> gateways(const LoginSource& logins) const;
    Traffic traffic(const LocalPort& port) const;
    /// On that executor's thread, every few seconds: those of its tunnels whose gateway has fallen silent
    /// end.
    void end_silent(const boost::asio::any_io_executor& executor);
    /// Of one port, or (null) all of them.
    void cut(const LocalPort* port, const Refusal& why);

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::client
