// Connections to gateways that are kept ready: the TLS handshake is done, and nothing has been requested.
// Each event loop has a pool, without locks, which is used only on the loop's thread. A connection from the
// pool may have died unnoticed; a caller that gets no answer repeats its request over a new one.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.hpp"
#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "client-proxy/tunnel/warm_plan.hpp"

namespace postern::client {

class WarmPool {
public:
    using Opened = Outcome<std::unique_ptr<GatewayConnection>>;
    using Open = std::function<boost::asio::awaitable<Opened>(GatewayEntry gateway, LoginPtr login)>;

    /// The total time that this machine has been suspended since it started.
    using SleepClock = std::function<std::chrono::nanoseconds()>;

    /// `open` connects and does the handshake. `loop` outlives the pool and has stopped before the pool is
    /// destroyed.
    WarmPool(boost::asio::io_context& loop, WarmOptions options, Open open,
             SleepClock sleep_clock = &time_asleep);
    ~WarmPool();
    WarmPool(const WarmPool&) = delete;
    WarmPool& operator=(const WarmPool&) = delete;

    /// Opens connections to the gateway, because the port's clients will need them.
    void expect(const LocalPortPtr& port, const GatewayEntry& gateway, const LoginPtr& login);
    /// Returns a ready connection, or null when there is none. It is replaced soon.
    std::unique_ptr<GatewayConnection> take(const LocalPortPtr& port, const GatewayEntry& gateway,
                                            const LoginPtr& login);
    /// Notes that the gateway answered a connection of the port.
    void worked(const LocalPortPtr& port, const GatewayEntry& gateway);
    /// Notes that a connection which looked alive was dead. The other ready connections to that gateway are
    /// closed and replaced.
    void distrust(const LocalPortPtr& port, const GatewayEntry& gateway);
    /// Notes that the port has closed. Connections that no other port needs are closed.
    void close(const LocalPort& port);
    /// Replaces all ready connections at once, because they count as dead after a change of network or a
    /// suspension.
    void start_over();
    /// Applies the options to gateways that are used for the first time from now on.
    void use(WarmOptions options) { options_ = options; }
    /// The number of ready connections.
    std::size_t ready() const;

private:
    struct GatewayPool;
    using GatewayPoolPtr = std::shared_ptr<GatewayPool>;

    GatewayPoolPtr find(const LocalPort& port, const GatewayEntry& gateway) const;
    GatewayPoolPtr pool_of(const LocalPortPtr& port, const GatewayEntry& gateway, const LoginPtr& login);
    void refill(const GatewayPoolPtr& pool);
    void refill_soon(const GatewayPoolPtr& pool);
    void arm(const GatewayPoolPtr& pool);
    static void clear(GatewayPool& pool);
    boost::asio::awaitable<void> open_one(GatewayPoolPtr pool);
    /// Checks the pools once a second while there is one.
    boost::asio::awaitable<void> watch();
    void look_at(const GatewayPoolPtr& pool);
    bool has_slept();

    boost::asio::io_context& loop_;
    WarmOptions options_;
    const Open open_;
    const SleepClock sleep_clock_;
    std::vector<GatewayPoolPtr> pools_;
    bool is_watching_ = false;
    std::chrono::nanoseconds asleep_;
};

}  // namespace postern::client
