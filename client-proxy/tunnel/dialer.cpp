#include "client-proxy/tunnel/dialer.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "client-proxy/tunnel/cut_reason.hpp"
#include "net/await.hpp"
#include "net/deadline_timer.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

Refusal no_gateways() {
    return {Code::unreachable,
            "the CA's catalogue names no gateway",
            "The administrator adds a [[gateway]] with name and address to ca.toml; then run: postern login",
            {}};
}

/// How informative a refusal is to a person. A gateway's verdict says more than that another gateway is down.
/// A gateway that is down may be the one that knows the service, so it says more than another's "no such
/// service".
int rank(Code code) {
    switch (code) {
        case Code::unknown_service:
            return 0;
        case Code::unreachable:
        case Code::timed_out:
        case Code::cancelled:
        case Code::end_of_stream:
        case Code::io_failed:
        case Code::shutting_down:
            return 1;
        default:
            return 2;
    }
}

Refusal more_telling(std::optional<Refusal> before, Refusal now) {
    return before && rank(before->code) >= rank(now.code) ? *std::move(before) : now;
}

}  // namespace

Result<void> check_database_identity(const pki::Certificate& certificate, const std::string& trust_domain,
                                     const ServiceEntry& service) {
    if (service.server_name.empty()) {
        return pki::check_server_identity(certificate, trust_domain, pki::ServerKind::service, service.name);
    }
    // A gateway may run on the database's host and bear its DNS name, but must not be able to pose as the
    // database.
    const std::string ours = fmt::format("spiffe://{}/", trust_domain);
    const auto uris = certificate.uris();
    if (std::any_of(uris.begin(), uris.end(),
                    [&](const std::string& uri) { return uri.starts_with(ours); })) {
        return pki::check_server_identity(certificate, trust_domain, pki::ServerKind::service, service.name);
    }
    if (X509_check_host(certificate.get(), service.server_name.data(), service.server_name.size(),
                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) != 1) {
        return Failure{Code::wrong_server_identity, "the certificate is not for " + service.server_name};
    }
    return {};
}

net::AsyncSemaphore& Dialer::handshakes(const std::string& gateway) {
    const std::lock_guard lock(mutex_);
    return handshakes_.try_emplace(gateway, kHandshakesAtOnce).first->second;
}

asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> Dialer::open(GatewayEntry gateway,
                                                                          LoginPtr login) {
    auto& semaphore = handshakes(gateway.name);
    const auto permit = co_await semaphore.acquire(timeout_.turn);
    if (!permit) {
        co_return gateway_refusal(permit.error(), gateway.name);
    }
    co_return co_await GatewayConnection::open(std::move(gateway), std::move(login), timeout_.gateway);
}

std::optional<GatewayEntry> Dialer::preferred(std::string_view service, const Catalogue& catalogue) const {
    auto gateways = choice_.order(service, catalogue, std::chrono::steady_clock::now());
    return gateways.empty() ? std::nullopt : std::optional(std::move(gateways.front()));
}

/// Gateways that are tried at the same time. Those that lose end by themselves and find the race over.
struct Dialer::Race {
    explicit Race(const asio::any_io_executor& executor) : bell(executor) {}

    struct Lost {
        std::string gateway;
        Refusal why;
    };
    asio::steady_timer bell;
    bool is_over = false;
    std::optional<Reached> winner;
    std::vector<Lost> lost;
    /// The gateways that are being dialled, with the time at which that began.
    std::map<std::string, std::chrono::steady_clock::time_point> dialled;
    std::size_t running = 0;

    /// Counts a participant from its start to its end, in whatever way it ends.
    class Runner {
    public:
        explicit Runner(std::shared_ptr<Race> race) : race_(std::move(race)) {}
        ~Runner() {
            --race_->running;
            race_->bell.cancel();
        }
        Runner(const Runner&) = delete;
        Runner& operator=(const Runner&) = delete;

    private:
        std::shared_ptr<Race> race_;
    };
};

asio::awaitable<void> Dialer::run_in(std::shared_ptr<Race> race, GatewayEntry gateway, LoginPtr login) {
    const Race::Runner runner(race);
    GatewayEntry entry = gateway;
    auto& semaphore = handshakes(entry.name);
    const auto permit = co_await semaphore.acquire(timeout_.turn);
    if (race->is_over) {
        co_return;
    }
    if (!permit) {
        race->lost.push_back({entry.name, gateway_refusal(permit.error(), entry.name)});
        co_return;
    }
    race->dialled[entry.name] = std::chrono::steady_clock::now();
    auto opened = co_await GatewayConnection::open(std::move(gateway), std::move(login), timeout_.gateway);
    if (race->is_over) {
        co_return;
    }
    race->dialled.erase(entry.name);
    if (opened) {
        race->is_over = true;
        race->winner.emplace(Reached{*std::move(opened), std::move(entry), false, std::nullopt});
    } else {
        race->lost.push_back({std::move(entry.name), opened.error()});
    }
}

asio::awaitable<Outcome<Dialer::Reached>> Dialer::race(LoginPtr login, std::vector<GatewayEntry>& gateways) {
    const auto executor = co_await asio::this_coro::executor;
    const auto race = std::make_shared<Race>(executor);
    std::vector<GatewayEntry> waiting(gateways.rbegin(), gateways.rend());
    std::optional<Refusal> refused;
    for (;;) {
        // The next gateway is tried when one has failed, or when none has answered for a while.
        if (!waiting.empty()) {
            ++race->running;
            GatewayEntry next = std::move(waiting.back());
            waiting.pop_back();
            asio::co_spawn(executor, run_in(race, std::move(next), login), asio::detached);
        }
        while (race->lost.empty() && !race->is_over && race->running > 0) {
            // Each participant ends by its own timeouts.
            const auto pause = waiting.empty() ? timeout_.turn + timeout_.gateway : timeout_.head_start;
            race->bell.expires_after(pause);
            const auto [rung] = co_await race->bell.async_wait(net::kAwait);
            if (!rung && !waiting.empty()) {
                break;
            }
        }
        for (auto& lost : race->lost) {
            choice_.failed(lost.gateway, std::chrono::steady_clock::now());
            std::erase_if(gateways, [&](const GatewayEntry& one) { return one.name == lost.gateway; });
            refused = more_telling(std::move(refused), std::move(lost.why));
        }
        race->lost.clear();
        if (race->winner) {
            // A gateway that had the head start and did not answer counts as failed.
            const auto now = std::chrono::steady_clock::now();
            for (const auto& [name, since] : race->dialled) {
                if (now - since >= timeout_.head_start) {
                    choice_.failed(name, now);
                }
            }
            Reached reached = *std::move(race->winner);
            std::erase_if(gateways,
                          [&](const GatewayEntry& one) { return one.name == reached.gateway.name; });
            reached.lost_beside = std::move(refused);
            co_return std::move(reached);
        }
        if (race->running == 0 && waiting.empty()) {
            gateways.clear();
            co_return refused ? *std::move(refused) : no_gateways();
        }
    }
}

asio::awaitable<Outcome<Dialer::Reached>> Dialer::reach(Caller caller, std::vector<GatewayEntry>& gateways,
                                                        bool may_be_warm) {
    if (may_be_warm) {
        if (auto warm = caller.warm.take(caller.port, gateways.front(), caller.login)) {
            Reached reached{std::move(warm), std::move(gateways.front()), true};
            gateways.erase(gateways.begin());
            co_return std::move(reached);
        }
    }
    if (gateways.size() > 1) {
        co_return co_await race(std::move(caller.login), gateways);
    }
    Reached reached;
    reached.gateway = std::move(gateways.front());
    gateways.clear();
    GatewayEntry gateway = reached.gateway;
    auto opened = co_await open(std::move(gateway), std::move(caller.login));
    if (!opened) {
        co_return opened.error();
    }
    reached.connection = *std::move(opened);
    co_return std::move(reached);
}

template <class Made>
asio::awaitable<Outcome<Made>> Dialer::ask_in_turn(Caller caller, std::vector<GatewayEntry> gateways,
                                                   Ask<Made> ask) {
    std::optional<Refusal> refused;
    bool may_be_warm = true;
    while (!gateways.empty()) {
        Caller again = caller;
        auto reached = co_await reach(std::move(again), gateways, may_be_warm);
        if (!reached) {
            refused = more_telling(std::move(refused), std::move(reached).error());
            continue;
        }
        const GatewayEntry gateway = reached->gateway;
        if (reached->lost_beside) {
            refused = more_telling(std::move(refused), *std::move(reached->lost_beside));
        }
        auto asking = ask(*std::move(reached));
        ConnectOutcome<Made> outcome = co_await std::move(asking);
        if (outcome.made) {
            choice_.worked(caller.port->service, gateway.name);
            caller.warm.worked(caller.port, gateway);
            co_return std::move(outcome.made);
        }
        const Code code = outcome.made.error().code;
        if (outcome.was_dead) {
            caller.warm.distrust(caller.port, gateway);
        }
        if (outcome.was_dead && !outcome.is_final) {
            gateways.insert(gateways.begin(), gateway);
            may_be_warm = false;
            continue;
        }
        refused = more_telling(std::move(refused), std::move(outcome.made).error());
        if (outcome.is_final || !GatewayChoice::may_try_another(code)) {
            break;
        }
        if (code != Code::unknown_service) {
            choice_.failed(gateway.name, std::chrono::steady_clock::now());
        }
    }
    if (!refused) {
        refused = no_gateways();
    }
    co_return *std::move(refused);
}

template <class Made>
asio::awaitable<std::optional<Admittance>> Dialer::connect(Reached& reached, TunnelOrder order,
                                                           ConnectOutcome<Made>& outcome) {
    auto& connection = *reached.connection;
    if (reached.is_warm && connection.since_heard() >= timeout_.just_now) {
        order.once = nullptr;
    }
    auto connected = co_await connection.connect(std::move(order), timeout_.answer);
    if (connected) {
        outcome.is_final = true;
        co_return *std::move(connected);
    }
    outcome.made = connected.error();
    const bool has_timed_out = connected.error().code == Code::timed_out;
    // A gateway that answers "timed out" had given up waiting for a request on an idle connection. No answer
    // within the whole timeout means that the gateway hangs, and not that the connection had died.
    const bool had_died = connection.has_heard() ? has_timed_out : !has_timed_out;
    outcome.was_dead = reached.is_warm && had_died;
    outcome.is_final = connection.may_have_passed_on();
    if (outcome.is_final && !outcome.was_dead) {
        choice_.failed(reached.gateway.name, std::chrono::steady_clock::now());
    }
    co_return std::nullopt;
}

asio::awaitable<Dialer::ConnectOutcome<Tunnel>> Dialer::ask(Reached reached, TunnelOrder order) {
    ConnectOutcome<Tunnel> outcome;
    auto admitted = co_await connect(reached, std::move(order), outcome);
    if (admitted) {
        Tunnel tunnel{std::move(reached.connection), std::move(admitted->connection_id),
                      std::move(reached.gateway), admitted->said_once};
        outcome.made = std::move(tunnel);
    }
    co_return std::move(outcome);
}

asio::awaitable<Outcome<Tunnel>> Dialer::dial(Caller caller, TunnelOrder order) {
    order.service = caller.port->service;
    auto gateways = choice_.order(order.service, caller.login->catalogue(), std::chrono::steady_clock::now());
    Ask<Tunnel> put = [this, order = std::move(order)](Reached reached) {
        return ask(std::move(reached), order);
    };
    co_return co_await ask_in_turn(std::move(caller), std::move(gateways), std::move(put));
}

asio::awaitable<Dialer::ConnectOutcome<ServerTunnel>> Dialer::ask_server(Reached reached, LocalPortPtr port,
                                                                         LoginPtr login, ServiceEntry service,
                                                                         TunnelOrder order) {
    ConnectOutcome<ServerTunnel> outcome;
    auto& connection = *reached.connection;
    // It is declared here so that it is destroyed before the connection, to which it refers.
    auto tls = std::make_unique<net::NestedTlsStream>(connection, login->server_tls(), service.server_name);
    auto hello = tls->take_client_hello();
    if (!hello) {
        outcome.made = server_refusal(hello.error(), service.name);
        // Another gateway could do no better.
        outcome.is_final = true;
        co_return std::move(outcome);
    }
    order.first_bytes = *std::move(hello);
    auto admitted = co_await connect(reached, std::move(order), outcome);
    if (!admitted) {
        co_return std::move(outcome);
    }
    ServerTunnel made;
    made.tunnel.stream = std::move(reached.connection);
    made.tunnel.connection_id = std::move(admitted->connection_id);
    made.tunnel.gateway = std::move(reached.gateway);
    made.tls = std::move(tls);
    std::function<void()> cut = [&connection] { connection.cancel(); };
    const net::DeadlineTimer deadline(connection.executor(), timeout_.server, std::move(cut));
    const auto done = co_await made.tls->handshake();
    const auto peer = done ? made.tls->peer() : net::TlsPeer();
    Result<void> is_it = done;
    if (done) {
        is_it = peer.certificate ? check_database_identity(*peer.certificate, login->trust_domain(), service)
                                 : Result<void>(Failure{Code::wrong_server_identity, "no certificate"});
    }
    if (!is_it) {
        Refusal refusal = server_refusal(is_it.error(), service.name);
        if (is_it.error().code == Code::end_of_stream) {
            // The gateway may have cut the tunnel.
            GatewayEntry gateway = made.tunnel.gateway;
            std::string id = made.tunnel.connection_id;
            Refusal told = co_await ask_why_cut(port->logins, std::move(gateway), std::move(id));
            if (told.code != Code::end_of_stream) {
                refusal = std::move(told);
            }
        }
        refusal.connection_id = made.tunnel.connection_id;
        outcome.made = std::move(refusal);
        co_return std::move(outcome);
    }
    outcome.made = std::move(made);
    co_return std::move(outcome);
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::dial_servers(Caller caller, ServiceEntry service,
                                                            std::vector<GatewayEntry> gateways,
                                                            TunnelOrder order) {
    order.service = service.name;
    order.starts_postgres_tls = true;
    Ask<ServerTunnel> put = [this, port = caller.port, login = caller.login, service = std::move(service),
                             order = std::move(order)](Reached reached) {
        return ask_server(std::move(reached), port, login, service, order);
    };
    co_return co_await ask_in_turn(std::move(caller), std::move(gateways), std::move(put));
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::dial_server(Caller caller, ServiceEntry service,
                                                           CallerClaims claims) {
    TunnelOrder order;
    order.claims = std::move(claims);
    auto gateways = choice_.order(service.name, caller.login->catalogue(), std::chrono::steady_clock::now());
    return dial_servers(std::move(caller), std::move(service), std::move(gateways), std::move(order));
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::dial_server_of(Caller caller, ServiceEntry service,
                                                              CancelTarget target) {
    TunnelOrder order;
    order.cancel_of = std::move(target.connection_id);
    std::vector<GatewayEntry> gateways{std::move(target.gateway)};
    return dial_servers(std::move(caller), std::move(service), std::move(gateways), std::move(order));
}

}  // namespace postern::client
