#include "client-proxy/agent/agent.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "base/memory.hpp"
#include "base/pace.hpp"
#include "client-proxy/agent/listen_plan.hpp"
#include "client-proxy/platform/local_peer.hpp"
#include "client-proxy/platform/network_watch.hpp"
#include "client-proxy/session/end_to_end_session.hpp"
#include "client-proxy/session/passthrough_session.hpp"
#include "client-proxy/session/rejected_client.hpp"
#include "net/await.hpp"
#include "net/resolver.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kGatewayTimeout = std::chrono::seconds(5);
/// The interval at which live tunnels are checked for gateways that no longer answer.
constexpr auto kSilenceLook = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kLongestShowPause = std::chrono::minutes(1);
/// The most rejected local connections, for each loop, that are told at the same time why they were rejected.
constexpr std::size_t kMostStrangers = 16;
/// The port that libpq uses when it is given only a socket folder.
constexpr unsigned short kPostgresPort = 5432;
/// The most descriptors that are examined to identify a local program when `allow_programs` decides about it.
/// The search may take as long as it needs.
constexpr std::size_t kPatientSearch = 200'000;

/// Whether the peer closed the connection without a byte, as a port scan does. Then there is nobody to tell
/// of the rejection.
bool is_gone_without_a_word(int fd) {
    char byte = 0;
    return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/// Whether the peer may be on another host, judged by the local address of the connection. An unknown address
/// counts as local, so that the peer is checked.
bool is_elsewhere(const net::Endpoint& at) {
    return !at.address.empty() && at.address != "unix" && at.address != "127.0.0.1" && at.address != "::1";
}

asio::awaitable<void> return_memory(const LiveTunnels& tunnels) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    MemoryReturn memory;
    while (true) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(asio::use_awaitable);
        memory.note(tunnels.size());
    }
}

asio::awaitable<void> end_silent_tunnels(LiveTunnels& tunnels) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    while (true) {
        timer.expires_after(kSilenceLook);
        co_await timer.async_wait(asio::use_awaitable);
        tunnels.end_silent(executor);
    }
}

asio::awaitable<bool> show(GatewayEntry gateway, LoginPtr login) {
    auto connection = co_await GatewayConnection::open(std::move(gateway), std::move(login), kGatewayTimeout);
    if (!connection) {
        co_return false;
    }
    std::string path = "/v1/services";
    const auto answer = co_await (*connection)->get(std::move(path), kGatewayTimeout);
    co_return answer.has_value();
}

bool is_latest(const Login& login, const LoginSource& logins) {
    const LoginPtr latest = logins.latest();
    return latest && latest->certificate().fingerprint() == login.certificate().fingerprint();
}

/// Shows the login to the gateways of the live tunnels, and repeats this for those that could not be reached
/// until it succeeds. A gateway that does not see the renewed certificate cuts the tunnels when the old one
/// expires. It ends early when the gateways have no such tunnels any more or `logins` has a newer login.
asio::awaitable<void> show_to_gateways(const LiveTunnels& tunnels, std::chrono::milliseconds first_pause,
                                       std::shared_ptr<LoginSource> logins, LoginPtr login) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    Pace pace({first_pause, kLongestShowPause});
    std::vector<GatewayEntry> left = tunnels.gateways(*logins);
    while (!left.empty()) {
        std::vector<GatewayEntry> failed;
        for (const auto& entry : left) {
            GatewayEntry gateway = entry;
            LoginPtr shown = login;
            if (!co_await show(std::move(gateway), std::move(shown))) {
                failed.push_back(entry);
            }
        }
        if (failed.empty()) {
            co_return;
        }
        timer.expires_after(pace.failed(std::chrono::steady_clock::now()));
        co_await timer.async_wait(net::kAwait);
        if (!is_latest(*login, *logins)) {
            co_return;
        }
        left = tunnels.gateways(*logins);
        std::erase_if(left, [&](const GatewayEntry& entry) {
            return std::none_of(failed.begin(), failed.end(),
                                [&](const GatewayEntry& one) { return one.name == entry.name; });
        });
    }
}

}  // namespace

Agent::Agent(EventSink& events, AgentOptions options)
    : events_(events),
      options_(std::move(options)),
      socket_folder_(options_.socket_folder),
      rules_(std::make_shared<const LocalRules>(options_.rules)),
      dialer_(options_.dial),
      slots_(options_.sessions, 0),
      loops_(options_.loops) {
    programs_.resize(loops_.size());
    const WarmPool::Open open = [this](GatewayEntry gateway, LoginPtr login) {
        return dialer_.open(std::move(gateway), std::move(login));
    };
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        strangers_.push_back(std::make_unique<net::PendingConnections>(kMostStrangers));
        warm_.push_back(std::make_unique<WarmPool>(loops_.at(i), options_.rules.warm, open));
        pending_.push_back(std::make_unique<net::PendingConnections>(
            std::max<std::size_t>(1, options_.pending / loops_.size())));
    }
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        contexts_.push_back(SessionContext{events_, dialer_, cancels_, tunnels_, slots_, *pending_[i],
                                           *warm_[i], programs_[i], options_.start_timeout,
                                           options_.login_timeout});
    }
}

Agent::~Agent() {
    default_socket_.reset();
    ports_.clear();
    loops_.stop();
}

void Agent::start() {
    net::spawn(loops_.at(0), "memory", return_memory(tunnels_));
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        net::spawn(loops_.at(i), "silence", end_silent_tunnels(tunnels_));
    }
    // Without these messages a change of network is noticed only when something fails.
    if (auto messages = open_network_messages()) {
        std::function<void()> changed = [this] { network_changed(); };
        net::spawn(loops_.at(0), "network", watch_network(*std::move(messages), std::move(changed)));
    }
    loops_.start();
}

Result<LocalPortPtr> Agent::open(PortOrder order) {
    const auto in_force = rules();
    const ListenPlan plan = ListenPlan::of(in_force->unsafe_listen);
    auto first = net::Listener::bind(net::Address{plan.v4, std::to_string(order.number)});
    if (!first) {
        return first.error();
    }
    const unsigned short number = first->port();
    // "localhost" is ::1 as well: another program that listened there would receive the password first.
    auto second = net::Listener::bind(net::Address{plan.v6, std::to_string(number)});
    if (!second && second.error().code == Code::already_exists) {
        return second.error();
    }
    OpenPort open;
    open.port = std::make_shared<LocalPort>(std::move(order.service), order.mode, order.is_postgres,
                                            std::move(order.logins));
    open.port->number = number;
    open.port->admits_other_users = order.admits_other_users;
    open.port->warm = order.warm.value_or(in_force->warm.few);
    open.listeners.push_back(*std::move(first));
    if (second) {
        open.listeners.push_back(*std::move(second));
    }
    if (order.is_postgres) {
        open_socket(open);
    }
    for (const auto& host : plan.more) {
        auto more = net::Listener::bind(net::Address{host, std::to_string(number)});
        if (!more) {
            return more.error();
        }
        open.listeners.push_back(*std::move(more));
    }
    for (auto& listener : open.listeners) {
        accept_on(listener, open.port);
    }
    if (open.socket) {
        accept_on(*open.socket, open.port);
    }
    open.is_for_one_program = order.number == 0;
    ports_.push_back(std::move(open));
    settle_default_socket();
    warm_up(ports_.back().port);
    return ports_.back().port;
}

/// The agent that has the TCP port of that number also owns the socket of that name.
void Agent::open_socket(OpenPort& open) {
    open.socket.reset();
    open.port->socket_folder.clear();
    if (socket_folder_.empty() || open.port->mode != Mode::end_to_end) {
        return;
    }
    if (open.port->number == kPostgresPort) {
        default_socket_.reset();
    }
    if (auto bound = bind_socket(open.port->number)) {
        open.socket = *std::move(bound);
        open.port->socket_folder = socket_folder_.string();
    }
}

void Agent::move_sockets(const std::filesystem::path& folder) {
    socket_folder_ = folder;
    default_socket_.reset();
    for (auto& open : ports_) {
        if (!open.port->socket_folder.empty()) {
            open_socket(open);
        }
        if (open.socket) {
            accept_on(*open.socket, open.port);
        }
    }
    settle_default_socket();
}

std::shared_ptr<const LocalRules> Agent::rules() const {
    const std::lock_guard lock(rules_mutex_);
    return rules_;
}

void Agent::use(LocalRules rules) {
    const WarmOptions warm = rules.warm;
    {
        const std::lock_guard lock(rules_mutex_);
        rules_ = std::make_shared<const LocalRules>(std::move(rules));
    }
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        asio::post(loops_.at(i), [this, i, warm] { warm_[i]->use(warm); });
    }
}

Result<net::Listener> Agent::bind_socket(unsigned short number) const {
    const auto path = socket_folder_ / fmt::format(".s.PGSQL.{}", number);
    // A file that is there was left by an agent that has ended.
    ::unlink(path.c_str());
    net::Address address;
    address.host = path.string();
    address.is_unix = true;
    return net::Listener::bind(address);
}

void Agent::accept_on(net::Listener& listener, const LocalPortPtr& port) {
    listener.accept_on(loops_,
                       [this, port](asio::io_context& loop, std::size_t index, net::PlainStream local) {
                           serve(port, loop, index, std::move(local));
                       });
}

/// A local PostgreSQL may have the TCP port 5432, while the first service has another one.
void Agent::settle_default_socket() {
    const auto has_socket = [](const OpenPort& open) { return !open.port->socket_folder.empty(); };
    const bool is_taken = std::any_of(ports_.begin(), ports_.end(), [&](const OpenPort& open) {
        return has_socket(open) && open.port->number == kPostgresPort;
    });
    const auto first = std::find_if(ports_.begin(), ports_.end(), [&](const OpenPort& open) {
        return has_socket(open) && !open.is_for_one_program;
    });
    if (default_socket_ || is_taken || first == ports_.end()) {
        return;
    }
    if (auto bound = bind_socket(kPostgresPort)) {
        default_socket_.emplace(DefaultSocket{first->port, *std::move(bound)});
        accept_on(default_socket_->listener, first->port);
    }
}

void Agent::warm_up(const LocalPortPtr& port) {
    const LoginPtr login = port->logins->latest();
    const auto gateway = login ? dialer_.preferred(port->service, login->catalogue()) : std::nullopt;
    if (!gateway) {
        return;
    }
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        asio::post(loops_.at(i),
                   [this, i, port, login, gateway] { warm_[i]->expect(port, *gateway, login); });
    }
}

std::size_t Agent::warm_connections() {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        std::promise<std::size_t> count;
        asio::post(loops_.at(i), [&] { count.set_value(warm_[i]->ready()); });
        sum += count.get_future().get();
    }
    return sum;
}

void Agent::network_changed() {
    net::Resolver::shared().forget_all();
    dialer_.forget_failures();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        asio::post(loops_.at(i), [this, i] { warm_[i]->start_over(); });
    }
}

void Agent::close(const LocalPort& port, const Refusal& why) {
    if (default_socket_ && default_socket_->port.get() == &port) {
        default_socket_.reset();
    }
    const auto found = std::find_if(ports_.begin(), ports_.end(),
                                    [&](const OpenPort& open) { return open.port.get() == &port; });
    if (found != ports_.end()) {
        const LocalPortPtr closed = found->port;
        closed->is_closed = true;
        ports_.erase(found);
        for (std::size_t i = 0; i < loops_.size(); ++i) {
            asio::post(loops_.at(i), [this, i, closed] { warm_[i]->close(*closed); });
        }
    }
    settle_default_socket();
    tunnels_.cut(&port, why);
}

Outcome<LocalProgram> Agent::let_in(const LocalPort& port, std::size_t loop, int fd) {
    const auto peer = local_peer(fd);
    const auto in_force = rules();
    LocalProgram program;
    if (!peer && port.admits_other_users && in_force->allow_programs.empty()) {
        return program;
    }
    if (!peer || (!port.admits_other_users && !is_own_user(*peer))) {
        return Refusal{
            Code::policy_denied,
            peer ? fmt::format(
                       "a process of another user of this machine (uid {}) connected to a port that is "
                       "for its owner alone (uid {})",
                       peer->uid, ::geteuid())
                 : std::string("it cannot be told which user's process connected to a port that is for its "
                               "owner alone"),
            peer ? "Each user runs postern for themselves."
                 : "It may have ended at once: keep the connection open until the answer is there.",
            {}};
    }
    program.uid = peer->uid;
    program.pid = peer->pid;
    program.inode = peer->inode;
    if (in_force->allow_programs.empty()) {
        return program;
    }
    find_program(program, programs_[loop], kPatientSearch);
    if (!is_program_named(in_force->allow_programs, program.path)) {
        return Refusal{Code::policy_denied,
                       fmt::format("{} is not among the programs that may use this port", program.text()),
                       "They are named by allow_programs in postern's config.toml.",
                       {}};
    }
    return program;
}

void Agent::serve(const LocalPortPtr& port, asio::io_context& loop, std::size_t index,
                  net::PlainStream local) {
    LocalProgram program;
    // The local address decides: on the addresses of unsafe_listen a local process cannot be told from
    // another host.
    if (!is_elsewhere(local.local())) {
        auto known = let_in(*port, index, local.fd());
        if (!known) {
            if (is_gone_without_a_word(local.fd())) {
                return;
            }
            Refusal refusal = known.error();
            events_.refused(port->service, refusal);
            // The protocol of a service that is not PostgreSQL is unknown, so nothing can be written to its
            // client.
            if (port->mode == Mode::end_to_end || port->is_postgres) {
                net::spawn(loop, "rejected_client",
                           reject_client(*strangers_[index], std::move(refusal), std::move(local),
                                         port->mode == Mode::passthrough));
            }
            return;
        }
        program = *std::move(known);
    }
    if (port->mode == Mode::end_to_end) {
        net::spawn(loop, "end_to_end",
                   serve_end_to_end(contexts_[index], port, std::move(program), std::move(local)));
    } else {
        net::spawn(loop, "passthrough",
                   serve_passthrough(contexts_[index], port, std::move(program), std::move(local)));
    }
}

void Agent::show(std::shared_ptr<LoginSource> logins, LoginPtr login) {
    if (tunnels_.size() > 0) {
        net::spawn(loops_.at(0), "show",
                   show_to_gateways(tunnels_, options_.show_pause, std::move(logins), std::move(login)));
    }
}

void Agent::stop() {
    default_socket_.reset();
    for (auto& open : ports_) {
        for (auto& listener : open.listeners) {
            listener.stop();
        }
        open.socket.reset();
    }
    const Refusal why{Code::shutting_down, "postern is shutting down", "Start it again: postern connect", {}};
    tunnels_.cut(nullptr, why);
    const auto until = std::chrono::steady_clock::now() + options_.drain_timeout;
    while (slots_.size() > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ports_.clear();
    loops_.stop();
}

}  // namespace postern::client
