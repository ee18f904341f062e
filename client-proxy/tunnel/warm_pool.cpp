#include "client-proxy/tunnel/warm_pool.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "net/await.hpp"
#include "net/event_loops.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;
using Time = WarmPlan::Time;

/// The most handshakes of one pool at the same time, so that those which sessions wait for come first.
constexpr std::size_t kOpeningsAtOnce = 4;
/// A connection that was taken is replaced once none has been taken for `kBreath`, or the rush has lasted for
/// `kLongestRush`.
constexpr auto kBreath = 5ms;
constexpr auto kLongestRush = 50ms;

Time now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

/// The connections that are ready for one gateway and one login.
struct WarmPool::GatewayPool {
    struct Standing {
        std::unique_ptr<GatewayConnection> connection;
        Time since;
        WarmPlan::Span age() const { return std::chrono::duration_cast<WarmPlan::Span>(now() - since); }
    };

    GatewayPool(asio::io_context& loop, WarmOptions options, GatewayEntry whose,
                std::shared_ptr<LoginSource> source)
        : few(options.few),
          gateway(std::move(whose)),
          logins(std::move(source)),
          plan(options),
          timer(loop) {}

    const std::size_t few;
    const GatewayEntry gateway;
    const std::shared_ptr<LoginSource> logins;
    LoginPtr login;
    /// The ports that use these connections.
    std::vector<LocalPortPtr> ports;
    WarmPlan plan;
    /// The oldest connection is in front.
    std::deque<Standing> ready;
    std::size_t opening = 0;
    /// Increases with each change of login or network. A connection whose opening began in an earlier
    /// generation is not kept.
    std::uint64_t generation = 0;

    asio::steady_timer timer;
    bool is_armed = false;
    Time rush_began;
    Time last_taken;
};

WarmPool::WarmPool(asio::io_context& loop, WarmOptions options, Open open, SleepClock sleep_clock)
    : loop_(loop),
      options_(options),
      open_(std::move(open)),
      sleep_clock_(std::move(sleep_clock)),
      asleep_(sleep_clock_()) {}

WarmPool::~WarmPool() {
    for (const auto& pool : pools_) {
        clear(*pool);
    }
}

void WarmPool::clear(GatewayPool& pool) {
    pool.ready.clear();
    ++pool.generation;
}

WarmPool::GatewayPoolPtr WarmPool::find(const LocalPort& port, const GatewayEntry& gateway) const {
    const auto found = std::find_if(pools_.begin(), pools_.end(), [&](const GatewayPoolPtr& pool) {
        return pool->logins == port.logins && pool->few == port.warm &&
               pool->gateway.address == gateway.address && pool->gateway.name == gateway.name;
    });
    return found != pools_.end() ? *found : nullptr;
}

/// Returns null when no connections are kept for the port, and when `login` is older than the pool's.
WarmPool::GatewayPoolPtr WarmPool::pool_of(const LocalPortPtr& port, const GatewayEntry& gateway,
                                           const LoginPtr& login) {
    if (port->warm == 0 || port->is_closed) {
        return nullptr;
    }
    GatewayPoolPtr pool = find(*port, gateway);
    if (!pool) {
        WarmOptions options = options_;
        options.few = port->warm;
        options.most = std::max(options.few, options.most);
        pool = std::make_shared<GatewayPool>(loop_, options, gateway, port->logins);
        pool->login = login;
        pools_.push_back(pool);
    }
    if (std::find(pool->ports.begin(), pool->ports.end(), port) == pool->ports.end()) {
        pool->ports.push_back(port);
    }
    if (pool->login != login) {
        // A session that began before the renewal still has the older login.
        if (login->not_after() < pool->login->not_after()) {
            return nullptr;
        }
        clear(*pool);
        pool->login = login;
    }
    if (!is_watching_) {
        is_watching_ = true;
        net::spawn(loop_, "warm", watch());
    }
    return pool;
}

void WarmPool::expect(const LocalPortPtr& port, const GatewayEntry& gateway, const LoginPtr& login) {
    if (const auto pool = pool_of(port, gateway, login)) {
        pool->plan.expect(now());
        refill(pool);
    }
}

std::unique_ptr<GatewayConnection> WarmPool::take(const LocalPortPtr& port, const GatewayEntry& gateway,
                                                  const LoginPtr& login) {
    const auto pool = pool_of(port, gateway, login);
    if (!pool) {
        return nullptr;
    }
    if (has_slept()) {
        start_over();
    }
    std::unique_ptr<GatewayConnection> taken;
    while (!taken && !pool->ready.empty()) {
        GatewayPool::Standing oldest = std::move(pool->ready.front());
        pool->ready.pop_front();
        if (oldest.connection->is_quiet()) {
            taken = std::move(oldest.connection);
        } else {
            pool->plan.ended_early(now(), oldest.age());
        }
    }
    pool->plan.asked(now(), taken != nullptr, pool->ready.size());
    refill_soon(pool);
    return taken;
}

void WarmPool::worked(const LocalPortPtr& port, const GatewayEntry& gateway) {
    if (const auto pool = find(*port, gateway)) {
        pool->plan.worked();
    }
}

void WarmPool::distrust(const LocalPortPtr& port, const GatewayEntry& gateway) {
    if (const auto pool = find(*port, gateway)) {
        clear(*pool);
        refill(pool);
    }
}

void WarmPool::close(const LocalPort& port) {
    std::erase_if(pools_, [&](const GatewayPoolPtr& pool) {
        std::erase_if(pool->ports, [&](const LocalPortPtr& one) { return one.get() == &port; });
        if (pool->ports.empty()) {
            clear(*pool);
            pool->timer.cancel();
        }
        return pool->ports.empty();
    });
}

void WarmPool::start_over() {
    for (const auto& pool : pools_) {
        clear(*pool);
        pool->plan.forget_failures();
        refill(pool);
    }
}

std::size_t WarmPool::ready() const {
    std::size_t count = 0;
    for (const auto& pool : pools_) {
        count += pool->ready.size();
    }
    return count;
}

void WarmPool::refill_soon(const GatewayPoolPtr& pool) {
    pool->last_taken = now();
    if (!pool->is_armed) {
        pool->is_armed = true;
        pool->rush_began = pool->last_taken;
        arm(pool);
    }
}

void WarmPool::arm(const GatewayPoolPtr& pool) {
    pool->timer.expires_after(kBreath);
    pool->timer.async_wait([this, pool](const boost::system::error_code& error) {
        if (error) {
            return;
        }
        const Time at = now();
        if (at - pool->last_taken < kBreath && at - pool->rush_began < kLongestRush) {
            arm(pool);
            return;
        }
        pool->is_armed = false;
        refill(pool);
    });
}

void WarmPool::refill(const GatewayPoolPtr& pool) {
    while (!pool->ports.empty() && pool->opening < kOpeningsAtOnce &&
           pool->ready.size() + pool->opening < pool->plan.wanted(now()) && pool->plan.may_open(now()) &&
           !pool->login->is_used_up(ca_clock().now())) {
        ++pool->opening;
        net::spawn(loop_, "warm", open_one(pool));
    }
}

asio::awaitable<void> WarmPool::open_one(GatewayPoolPtr pool) {
    const auto generation = pool->generation;
    GatewayEntry gateway = pool->gateway;
    LoginPtr login = pool->login;
    Opened opened = co_await open_(std::move(gateway), std::move(login));
    --pool->opening;
    if (generation != pool->generation) {
        // The connection was opened for another login, or before the network changed.
    } else if (!opened) {
        pool->plan.failed(now());
    } else if (pool->ready.size() < pool->plan.wanted(now())) {
        (*opened)->note_warm();
        GatewayPool::Standing standing{*std::move(opened), now()};
        pool->ready.push_back(std::move(standing));
    }
    refill(pool);
}

void WarmPool::look_at(const GatewayPoolPtr& pool) {
    const LoginPtr login = pool->logins->latest();
    if (!login || login->is_used_up(ca_clock().now())) {
        clear(*pool);
        return;
    }
    if (login != pool->login) {
        clear(*pool);
        pool->login = login;
    }
    std::erase_if(pool->ready, [&](const GatewayPool::Standing& standing) {
        const auto age = standing.age();
        if (!standing.connection->is_quiet()) {
            pool->plan.ended_early(now(), age);
            return true;
        }
        if (pool->plan.is_old(age)) {
            pool->plan.replaced_in_time();
            return true;
        }
        return false;
    });
    pool->plan.look(now(), pool->ready.size());
    while (pool->ready.size() > pool->plan.wanted(now())) {
        pool->ready.pop_front();
    }
    refill(pool);
}

asio::awaitable<void> WarmPool::watch() {
    asio::steady_timer timer(loop_);
    while (!pools_.empty()) {
        timer.expires_after(1s);
        co_await timer.async_wait(net::kAwait);
        if (has_slept()) {
            start_over();
        }
        for (const auto& pool : pools_) {
            look_at(pool);
        }
        std::erase_if(pools_, [](const GatewayPoolPtr& pool) {
            return pool->opening == 0 && pool->ready.empty() && pool->plan.wanted(now()) == 0;
        });
    }
    is_watching_ = false;
}

bool WarmPool::has_slept() {
    const auto before = std::exchange(asleep_, sleep_clock_());
    return asleep_ - before > 1s;
}

}  // namespace postern::client
