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

/// Handshakes of one shelf at a time: those that somebody waits for go before.
constexpr std::size_t kOpeningsAtOnce = 4;
/// What was taken is replaced once the rush is over, or has lasted for so long.
constexpr auto kBreath = 5ms;
constexpr auto kLongestRush = 50ms;

Time now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

/// What is ready for one gateway and one login.
struct WarmPool::Shelf {
    struct Standing {
        std::unique_ptr<GatewayConnection> connection;
        Time since;
        WarmPlan::Span age() const { return std::chrono::duration_cast<WarmPlan::Span>(now() - since); }
    };

    Shelf(asio::io_context& loop, WarmOptions options, GatewayEntry whose,
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
    /// Ports that need it.
    std::vector<LocalPortPtr> ports;
    WarmPlan plan;
    /// The oldest in front.
    std::deque<Standing> ready;
    std::size_t opening = 0;
    /// Of what is being opened now: what began before the last change of login or network is not kept.
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
    for (const auto& shelf : shelves_) {
        clear(*shelf);
    }
}

void WarmPool::clear(Shelf& shelf) {
    shelf.ready.clear();
    ++shelf.generation;
}

WarmPool::ShelfPtr WarmPool::find(const LocalPort& port, const GatewayEntry& gateway) const {
    const auto found = std::find_if(shelves_.begin(), shelves_.end(), [&](const ShelfPtr& shelf) {
        return shelf->logins == port.logins && shelf->few == port.warm &&
               shelf->gateway.address == gateway.address && shelf->gateway.name == gateway.name;
    });
    return found != shelves_.end() ? *found : nullptr;
}

/// Null when there is to be none.
WarmPool::ShelfPtr WarmPool::shelf_of(const LocalPortPtr& port, const GatewayEntry& gateway,
                                      const LoginPtr& login) {
    if (port->warm == 0 || port->is_closed) {
        return nullptr;
    }
    ShelfPtr shelf = find(*port, gateway);
    if (!shelf) {
        WarmOptions options = options_;
        options.few = port->warm;
        options.most = std::max(options.few, options.most);
        shelf = std::make_shared<Shelf>(loop_, options, gateway, port->logins);
        shelf->login = login;
        shelves_.push_back(shelf);
    }
    if (std::find(shelf->ports.begin(), shelf->ports.end(), port) == shelf->ports.end()) {
        shelf->ports.push_back(port);
    }
    if (shelf->login != login) {
        // A session that began before the renewal has the older one.
        if (login->not_after() < shelf->login->not_after()) {
            return nullptr;
        }
        clear(*shelf);
        shelf->login = login;
    }
    if (!is_watching_) {
        is_watching_ = true;
        net::spawn(loop_, "warm", watch());
    }
    return shelf;
}

void WarmPool::expect(const LocalPortPtr& port, const GatewayEntry& gateway, const LoginPtr& login) {
    if (const auto shelf = shelf_of(port, gateway, login)) {
        shelf->plan.expect(now());
        refill(shelf);
    }
}

std::unique_ptr<GatewayConnection> WarmPool::take(const LocalPortPtr& port, const GatewayEntry& gateway,
                                                  const LoginPtr& login) {
    const auto shelf = shelf_of(port, gateway, login);
    if (!shelf) {
        return nullptr;
    }
    if (has_slept()) {
        start_over();
    }
    std::unique_ptr<GatewayConnection> taken;
    while (!taken && !shelf->ready.empty()) {
        Shelf::Standing oldest = std::move(shelf->ready.front());
        shelf->ready.pop_front();
        if (oldest.connection->is_quiet()) {
            taken = std::move(oldest.connection);
        } else {
            shelf->plan.ended_early(now(), oldest.age());
        }
    }
    shelf->plan.asked(now(), taken != nullptr, shelf->ready.size());
    refill_soon(shelf);
    return taken;
}

void WarmPool::worked(const LocalPortPtr& port, const GatewayEntry& gateway) {
    if (const auto shelf = find(*port, gateway)) {
        shelf->plan.worked();
    }
}

void WarmPool::distrust(const LocalPortPtr& port, const GatewayEntry& gateway) {
    if (const auto shelf = find(*port, gateway)) {
        clear(*shelf);
        refill(shelf);
    }
}

void WarmPool::close(const LocalPort& port) {
    std::erase_if(shelves_, [&](const ShelfPtr& shelf) {
        std::erase_if(shelf->ports, [&](const LocalPortPtr& one) { return one.get() == &port; });
        if (shelf->ports.empty()) {
            clear(*shelf);
            shelf->timer.cancel();
        }
        return shelf->ports.empty();
    });
}

void WarmPool::start_over() {
    for (const auto& shelf : shelves_) {
        clear(*shelf);
        shelf->plan.forget_failures();
        refill(shelf);
    }
}

std::size_t WarmPool::ready() const {
    std::size_t count = 0;
    for (const auto& shelf : shelves_) {
        count += shelf->ready.size();
    }
    return count;
}

void WarmPool::refill_soon(const ShelfPtr& shelf) {
    shelf->last_taken = now();
    if (!shelf->is_armed) {
        shelf->is_armed = true;
        shelf->rush_began = shelf->last_taken;
        arm(shelf);
    }
}

void WarmPool::arm(const ShelfPtr& shelf) {
    shelf->timer.expires_after(kBreath);
    shelf->timer.async_wait([this, shelf](const boost::system::error_code& error) {
        if (error) {
            return;
        }
        const Time at = now();
        if (at - shelf->last_taken < kBreath && at - shelf->rush_began < kLongestRush) {
            arm(shelf);
            return;
        }
        shelf->is_armed = false;
        refill(shelf);
    });
}

void WarmPool::refill(const ShelfPtr& shelf) {
    while (!shelf->ports.empty() && shelf->opening < kOpeningsAtOnce &&
           shelf->ready.size() + shelf->opening < shelf->plan.wanted(now()) && shelf->plan.may_open(now()) &&
           !shelf->login->is_used_up(ca_clock().now())) {
        ++shelf->opening;
        net::spawn(loop_, "warm", open_one(shelf));
    }
}

asio::awaitable<void> WarmPool::open_one(ShelfPtr shelf) {
    const auto generation = shelf->generation;
    GatewayEntry gateway = shelf->gateway;
    LoginPtr login = shelf->login;
    Opened opened = co_await open_(std::move(gateway), std::move(login));
    --shelf->opening;
    if (generation != shelf->generation) {
        // For another login, or before the network changed.
    } else if (!opened) {
        shelf->plan.failed(now());
    } else if (shelf->ready.size() < shelf->plan.wanted(now())) {
        (*opened)->note_warm();
        Shelf::Standing standing{*std::move(opened), now()};
        shelf->ready.push_back(std::move(standing));
    }
    refill(shelf);
}

void WarmPool::look_at(const ShelfPtr& shelf) {
    const LoginPtr login = shelf->logins->latest();
    if (!login || login->is_used_up(ca_clock().now())) {
        clear(*shelf);
        return;
    }
    if (login != shelf->login) {
        clear(*shelf);
        shelf->login = login;
    }
    std::erase_if(shelf->ready, [&](const Shelf::Standing& standing) {
        const auto age = standing.age();
        if (!standing.connection->is_quiet()) {
            shelf->plan.ended_early(now(), age);
            return true;
        }
        if (shelf->plan.is_old(age)) {
            shelf->plan.replaced_in_time();
            return true;
        }
        return false;
    });
    shelf->plan.look(now(), shelf->ready.size());
    while (shelf->ready.size() > shelf->plan.wanted(now())) {
        shelf->ready.pop_front();
    }
    refill(shelf);
}

asio::awaitable<void> WarmPool::watch() {
    asio::steady_timer timer(loop_);
    while (!shelves_.empty()) {
        timer.expires_after(1s);
        co_await timer.async_wait(net::kAwait);
        if (has_slept()) {
            start_over();
        }
        for (const auto& shelf : shelves_) {
            look_at(shelf);
        }
        std::erase_if(shelves_, [](const ShelfPtr& shelf) {
            return shelf->opening == 0 && shelf->ready.empty() && shelf->plan.wanted(now()) == 0;
        });
    }
    is_watching_ = false;
}

bool WarmPool::has_slept() {
    const auto before = std::exchange(asleep_, sleep_clock_());
    return asleep_ - before > 1s;
}

}  // namespace postern::client
