// The tunnels that are open now: the gateways that must see a renewed certificate, the traffic of each port,
// and the tunnels that end when a port closes. Thread-safe.
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

/// The traffic of one port.
struct Traffic {
    std::size_t connections = 0;
    /// Bytes towards the local programs, and from them, since the port was opened.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    bool operator==(const Traffic&) const = default;
};

class LiveTunnels {
    struct State;
    struct Session;

public:
    /// Ends a tunnel; `why` is what its client is to be told. It is called on the session's executor, at most
    /// once, and only while the entry exists.
    using Cut = std::function<void(const Refusal& why)>;

    /// The registration of one tunnel, which ends with this object. It is created and destroyed on the
    /// session's thread.
    class Entry {
    public:
        Entry(std::shared_ptr<State> state, std::shared_ptr<Session> session, std::uint64_t number);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

        /// The counters for the relay, whose side a is the local client.
        net::RelayCounters& counters() noexcept;

    private:
        std::shared_ptr<State> state_;
        std::shared_ptr<Session> session_;
        std::uint64_t number_;
    };

    LiveTunnels();
    /// Registers a tunnel of `port`. `tunnel` outlives the entry.
    std::unique_ptr<Entry> add(LocalPortPtr port, const Tunnel& tunnel, boost::asio::any_io_executor executor,
                               Cut cut);
    std::size_t size() const;
    /// The gateways of the tunnels that use the login of `logins`, each of them once.
    std::vector<GatewayEntry> gateways(const LoginSource& logins) const;
    Traffic traffic(const LocalPort& port) const;
    /// Ends the tunnels of `executor` whose gateway no longer answers. It is called on that executor's thread
    /// every few seconds.
    void end_silent(const boost::asio::any_io_executor& executor);
    /// Cuts the tunnels of one port, or all of them when `port` is null. Each is cut on its own executor,
    /// after this returns.
    void cut(const LocalPort* port, const Refusal& why);

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::client
