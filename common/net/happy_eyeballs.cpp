#include "net/happy_eyeballs.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/exhaustion.hpp"
#include "net/await.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

using TcpSocket = asio::ip::tcp::socket;
using TcpEndpoint = asio::ip::tcp::endpoint;

/// The time without an answer after which the next address is tried.
constexpr std::chrono::milliseconds kAddressHeadStart{250};

/// The state of the attempts. Their handlers share it, because they may run after the race is over.
struct AddressRace {
    explicit AddressRace(const asio::any_io_executor& executor) : bell(executor) {}

    /// Wakes the coroutine when there is news.
    asio::steady_timer bell;
    std::vector<std::shared_ptr<TcpSocket>> running;
    std::optional<TcpSocket> winner;
    Failure last{Code::unreachable, "no address"};
    /// Whether every failed attempt found that the network is down.
    bool is_network_away = true;
    bool has_news = false;
    bool is_over = false;

    void fail(const boost::system::error_code& error) {
        const auto own = exhaustion_of(error.value());
        last = own ? *own : Failure{Code::unreachable, error.message()};
        is_network_away = is_network_away && net::is_network_away(error);
        has_news = true;
        bell.cancel();
    }
    void end() {
        is_over = true;
        for (const auto& socket : running) {
            boost::system::error_code ignored;
            socket->close(ignored);
        }
    }
};

/// Starts an attempt to connect to `endpoint`.
void start(const std::shared_ptr<AddressRace>& race, const TcpEndpoint& endpoint) {
    auto socket = std::make_shared<TcpSocket>(race->bell.get_executor());
    boost::system::error_code error;
    socket->open(endpoint.protocol(), error);
    if (error) {
        race->fail(error);
        return;
    }
    ::fcntl(socket->native_handle(), F_SETFD, FD_CLOEXEC);
    race->running.push_back(socket);
    socket->async_connect(endpoint, [race, socket](const boost::system::error_code& failed) {
        std::erase(race->running, socket);
        if (race->is_over) {
            return;
        }
        if (failed) {
            race->fail(failed);
            return;
        }
        race->winner = std::move(*socket);
        race->is_over = true;
        race->bell.cancel();
    });
}

}  // namespace

bool is_network_away(const boost::system::error_code& error) {
    return error == asio::error::host_unreachable || error == asio::error::network_unreachable ||
           error == asio::error::network_down || error == asio::error::host_not_found_try_again;
}

std::vector<TcpEndpoint> take_turns(std::vector<TcpEndpoint> endpoints) {
    if (endpoints.empty()) {
        return endpoints;
    }
    const bool is_v6_first = endpoints.front().address().is_v6();
    const auto others = std::stable_partition(
        endpoints.begin(), endpoints.end(),
        [&](const TcpEndpoint& endpoint) { return endpoint.address().is_v6() == is_v6_first; });
    std::vector<TcpEndpoint> turns;
    auto first = endpoints.begin();
    auto second = others;
    while (first != others || second != endpoints.end()) {
        if (first != others) {
            turns.push_back(*first++);
        }
        if (second != endpoints.end()) {
            turns.push_back(*second++);
        }
    }
    return turns;
}

asio::awaitable<Result<PlainStream>> connect_to_any(std::vector<TcpEndpoint> endpoints, Deadline deadline,
                                                    Deadline network_deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const auto race = std::make_shared<AddressRace>(executor);
    const std::vector<TcpEndpoint> turns = take_turns(std::move(endpoints));
    std::vector<TcpEndpoint> waiting(turns.rbegin(), turns.rend());
    for (;;) {
        race->has_news = false;
        if (!waiting.empty()) {
            start(race, waiting.back());
            waiting.pop_back();
        }
        while (!race->has_news && !race->is_over && !race->running.empty()) {
            const auto next = waiting.empty() ? deadline : std::min<Deadline>(deadline, kAddressHeadStart);
            race->bell.expires_at(next.time());
            const auto [rung] = co_await race->bell.async_wait(kAwait);
            if (!rung) {
                break;
            }
        }
        if (race->winner) {
            race->end();
            PlainStream stream(*std::move(race->winner));
            co_return std::move(stream);
        }
        if (deadline.has_passed()) {
            race->end();
            co_return Failure{Code::timed_out, "connecting took too long"};
        }
        if (race->running.empty() && waiting.empty()) {
            if (!race->is_network_away || network_deadline.has_passed()) {
                co_return race->last;
            }
            race->bell.expires_after(kNetworkPause);
            co_await race->bell.async_wait(kAwait);
            waiting.assign(turns.rbegin(), turns.rend());
        }
    }
}

}  // namespace postern::net
