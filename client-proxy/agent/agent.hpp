// The running agent: its local ports, its event loops, and what all sessions share. Refuses local connections
// of other users, more pending ones than a bound (the oldest goes), and more sessions than a bound.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client-proxy/login/login_source.hpp"
#include "client-proxy/session/events.hpp"
#include "client-proxy/session/live_tunnels.hpp"
#include "client-proxy/session/session_context.hpp"
#include "client-proxy/platform/socket_owner.hpp"
#include "client-proxy/tunnel/cancel_map.hpp"
#include "client-proxy/tunnel/dialer.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "client-proxy/tunnel/warm_pool.hpp"
#include "net/connection_slots.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"
#include "net/pending_connections.hpp"

namespace postern::client {

/// A local port as it is to be opened.
struct PortOrder {
    std::string service;
    Mode mode = Mode::end_to_end;
    bool is_postgres = true;
    /// 0: any.
    unsigned short number = 0;
    std::shared_ptr<LoginSource> logins;
    bool admits_other_users = false;
    /// How many warm connections each event loop keeps for it; nothing: as many as the options say.
    std::optional<std::size_t> warm;
};

/// What may change while the agent runs.
struct LocalRules {
    /// Addresses besides the loopback on which ports listen, for other hosts too. For ports opened from now
    /// on.
    std::vector<std::string> unsafe_listen;
    /// Paths, or names, of the only programs that are let in; empty: all of this user's.
    std::vector<std::string> allow_programs;
    WarmOptions warm;
};

struct AgentOptions {
    /// 0: one loop a core.
    std::size_t loops = 2;
    /// Local connections that have not said what they want; in all.
    std::size_t pending = 1024;
    std::size_t sessions = 16384;
    /// For a local client's first packet.
    std::chrono::milliseconds start_timeout = std::chrono::seconds(10);
    /// For a renewal that a local client waits for.
    std::chrono::milliseconds login_timeout = std::chrono::seconds(20);
    /// From the first cut tunnel to the last refusal at shutdown.
    std::chrono::milliseconds drain_timeout = std::chrono::seconds(2);
    /// Before a new login is shown again to a gateway that has not seen it. Grows from time to time, up to a
    /// minute.
    std::chrono::milliseconds show_pause = std::chrono::seconds(2);
    /// Where the Unix sockets of PostgreSQL services go, .s.PGSQL.<number>; empty: nowhere. The first is also
    /// .s.PGSQL.5432, while no service has that number.
    std::filesystem::path socket_folder;
    LocalRules rules;
    DialTimeouts dial;
};

class Agent {
public:
    Agent(EventSink& events, AgentOptions options);
    /// Stops at once.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Starts the loops.
    void start();
    /// Binds 127.0.0.1 and, where there is one, ::1. Code::already_exists when one of them is taken. After
    /// start(); like close() and stop() always from the same thread, which is no loop.
    Result<LocalPortPtr> open(PortOrder order);
    /// Closes the port and ends what goes through it, with `why` for its clients.
    void close(const LocalPort& port, const Refusal& why);
    /// From now on. From the thread of open().
    void use(LocalRules rules);
    /// The Unix sockets are in that folder from now on: the one they were in has gone. From the thread of
    /// open().
    void move_sockets(const std::filesystem::path& folder);
    /// Ends what goes through the port, which stays open. Any thread.
    void end_tunnels(const LocalPort& port, const Refusal& why) { tunnels_.cut(&port, why); }
    /// The network is another one: warm connections are replaced, and gateways that could not be reached are
    /// tried again. Any thread.
    void network_changed();
    /// Shows a new login to the gateways of live tunnels, so that they live on. Any thread.
    void show(std::shared_ptr<LoginSource> logins, LoginPtr login);
    /// Closes the ports, tells the clients of live tunnels, waits for them.
    void stop();

    Traffic traffic(const LocalPort& port) const { return tunnels_.traffic(port); }
    /// How many stand ready. From a thread that is no loop.
    std::size_t warm_connections();

    const AgentOptions& options() const noexcept { return options_; }
    /// For tests.
    Dialer& dialer() noexcept { return dialer_; }

private:
    struct OpenPort {
        LocalPortPtr port;
        std::vector<net::Listener> listeners;
        /// Nothing where it has no Unix socket.
        std::optional<net::Listener> socket;
        /// `postern psql`: nobody else is to find it.
        bool is_for_one_program = false;
    };
    struct DefaultSocket {
        LocalPortPtr port;
        net::Listener listener;
    };

    Result<net::Listener> bind_socket(unsigned short number) const;
    void open_socket(OpenPort& open);
    std::shared_ptr<const LocalRules> rules() const;
    void accept_on(net::Listener& listener, const LocalPortPtr& port);
    void settle_default_socket();
    /// Has the port's next connections find something ready.
    void warm_up(const LocalPortPtr& port);
    void serve(const LocalPortPtr& port, boost::asio::io_context& loop, std::size_t index,
               net::PlainStream local);
    /// Who it is, when it may come in.
    Outcome<LocalProgram> let_in(const LocalPort& port, std::size_t loop, int fd);

    EventSink& events_;
    const AgentOptions options_;
    std::filesystem::path socket_folder_;
    mutable std::mutex rules_mutex_;
    std::shared_ptr<const LocalRules> rules_;
    Dialer dialer_;
    CancelMap cancels_;
    LiveTunnels tunnels_;
    net::ConnectionSlots slots_;
    std::vector<ProgramFinder> programs_;
    std::vector<std::unique_ptr<net::PendingConnections>> pending_;
    std::vector<std::unique_ptr<net::PendingConnections>> strangers_;
    /// One a loop, like those it is made of.
    std::vector<SessionContext> contexts_;
    // After everything that sessions touch, before the doors through which they come.
    net::EventLoops loops_;
    // Their sockets must go before the loops do.
    std::vector<std::unique_ptr<WarmPool>> warm_;
    std::vector<OpenPort> ports_;
    /// .s.PGSQL.5432 for the first of them, while none has that number.
    std::optional<DefaultSocket> default_socket_;
};

}  // namespace postern::client
