// Connections to gateways that are ready before anybody needs them: the handshake is done, nothing has been
// asked. One pool an event loop, without locks; to be used on its thread alone. What is handed out may have
// died unnoticed: whoever asks over it asks again over a fresh one when it does not answer.
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

    /// How long this machine has slept since it started.
    using SleepClock = std::function<std::chrono::nanoseconds()>;

    /// `open` dials and does the handshake. The loop must have stopped before the pool goes.
    WarmPool(boost::asio::io_context& loop, WarmOptions options, Open open,
             SleepClock sleep_clock = &time_asleep);
    ~WarmPool();
    WarmPool(const WarmPool&) = delete;
    WarmPool& operator=(const WarmPool&) = delete;

    /// The port's clients will go to that gateway: makes some ready.
    void expect(const LocalPortPtr& port, const GatewayEntry& gateway, const LoginPtr& login);
    /// One that is ready; null when none is. Others take its place soon.
    std::unique_ptr<GatewayConnection> take(const LocalPortPtr& port, const GatewayEntry& gateway,
                                            const LoginPtr& login);
    /// The gateway answered a connection of that port.
    void worked(const LocalPortPtr& port, const GatewayEntry& gateway);
    /// One of them was dead, and had not seemed so: the others of that gateway are not handed out any more.
    void distrust(const LocalPortPtr& port, const GatewayEntry& gateway);
    /// The port has closed: what no other port needs goes.
    void close(const LocalPort& port);
    /// The network is another one, or the machine has slept: what stands is taken for dead, and replaced at
    /// once.
    void start_over();
    /// For gateways that are used for the first time from now on.
    void use(WarmOptions options) { options_ = options; }
    /// How many stand ready.
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
    /// While there is a pool, once a second.
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
