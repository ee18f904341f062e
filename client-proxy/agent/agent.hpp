// The running agent owns its local ports, its event loops, and the state that all sessions share. It rejects
// local connections of other users. It bounds the pending connections (the oldest one is closed) and the
// sessions.
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

/// Describes a local port that is to be opened.
struct PortOrder {
    std::string service;
    Mode mode = Mode::end_to_end;
    bool is_postgres = true;
    /// 0 stands for any free port.
    unsigned short number = 0;
    std::shared_ptr<LoginSource> logins;
    bool admits_other_users = false;
    /// The number of warm connections that each event loop keeps for this port. Without a value
    /// `WarmOptions::few` applies.
    std::optional<std::size_t> warm;
};

/// Settings that may change while the agent runs.
struct LocalRules {
    /// Addresses besides the loopback on which ports listen, so that other hosts reach them too. A change
    /// applies to ports that are opened later.
    std::vector<std::string> unsafe_listen;
    /// Paths or file names of the only programs that may connect. When it is empty, every program of this
    /// user may.
    std::vector<std::string> allow_programs;
    WarmOptions warm;
};

struct AgentOptions {
    /// 0 stands for one loop for each core.
    std::size_t loops = 2;
    /// The most local connections, on all loops together, that have not sent their first packet yet.
    std::size_t pending = 1024;
    /// The most sessions on all loops together.
    std::size_t sessions = 16384;
    /// Limits the wait for a local client's first packet.
    std::chrono::milliseconds start_timeout = std::chrono::seconds(10);
    /// Limits the wait of a local client for a renewal of the login.
    std::chrono::milliseconds login_timeout = std::chrono::seconds(20);
    /// Limits the shutdown: the time that sessions have to end after their tunnels were cut.
    std::chrono::milliseconds drain_timeout = std::chrono::seconds(2);
    /// The first pause before a renewed login is shown again to a gateway that could not be reached. The
    /// pause grows with each attempt, up to a minute.
    std::chrono::milliseconds show_pause = std::chrono::seconds(2);
    /// The folder of the Unix sockets of PostgreSQL services, which are called .s.PGSQL.<number>. When it is
    /// empty, there are none. The first open port is also reachable as .s.PGSQL.5432 while no service has
    /// that number.
    std::filesystem::path socket_folder;
    LocalRules rules;
    DialTimeouts dial;
};

/// Thread rule: open(), close(), use(), move_sockets() and stop() are called from one and the same thread,
/// which is not one of the loops. The other functions state their own rule.
class Agent {
public:
    /// `events` outlives the agent.
    Agent(EventSink& events, AgentOptions options);
    /// Closes the ports and stops the loops at once; nobody waits for the sessions.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Starts the event loops and the background tasks, among them the network watch. It is called once,
    /// before open().
    void start();
    /// Binds 127.0.0.1 and, where IPv6 is available, ::1, and also the addresses of
    /// `LocalRules::unsafe_listen`. It is called after start(). Errors: Code::already_exists when one of the
    /// addresses is taken.
    Result<LocalPortPtr> open(PortOrder order);
    /// Closes the port and cuts its tunnels. Clients are told `why`.
    void close(const LocalPort& port, const Refusal& why);
    /// Replaces the rules for connections and ports from now on.
    void use(LocalRules rules);
    /// Moves the Unix sockets of all open ports to `folder`, because the folder in which they were is gone.
    void move_sockets(const std::filesystem::path& folder);
    /// Cuts the tunnels of the port, which itself stays open. May be called from any thread.
    void end_tunnels(const LocalPort& port, const Refusal& why) { tunnels_.cut(&port, why); }
    /// Tells the agent that the machine is on another network: warm connections are replaced, resolved names
    /// are forgotten, and gateways that could not be reached are tried again. May be called from any thread.
    void network_changed();
    /// Shows a renewed login to the gateways of the live tunnels of `logins`, so that they do not cut those
    /// tunnels when the old certificate expires. May be called from any thread.
    void show(std::shared_ptr<LoginSource> logins, LoginPtr login);
    /// Closes the ports, cuts the tunnels, and waits up to `AgentOptions::drain_timeout` until their sessions
    /// have ended. It blocks.
    void stop();

    /// May be called from any thread.
    Traffic traffic(const LocalPort& port) const { return tunnels_.traffic(port); }
    /// The number of connections that stand ready on all loops. It blocks, and must not be called from one of
    /// the loops.
    std::size_t warm_connections();

    const AgentOptions& options() const noexcept { return options_; }
    /// Gives tests access to the dialer.
    Dialer& dialer() noexcept { return dialer_; }

private:
    struct OpenPort {
        LocalPortPtr port;
        std::vector<net::Listener> listeners;
        /// Has no value when the port has no Unix socket.
        std::optional<net::Listener> socket;
        /// True for `postern psql`, whose port no other program is meant to find.
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
    /// Lets each loop open warm connections for the port.
    void warm_up(const LocalPortPtr& port);
    void serve(const LocalPortPtr& port, boost::asio::io_context& loop, std::size_t index,
               net::PlainStream local);
    /// Identifies the local program that connected, or refuses the connection.
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
    /// The contexts, and the vectors that they refer to, have one element for each loop.
    std::vector<SessionContext> contexts_;
    /// The loops are destroyed before everything above, which sessions use, and after the listeners below.
    net::EventLoops loops_;
    /// The sockets of the pools must be closed before the loops are destroyed.
    std::vector<std::unique_ptr<WarmPool>> warm_;
    std::vector<OpenPort> ports_;
    /// .s.PGSQL.5432, which leads to the first open port while no port has that number.
    std::optional<DefaultSocket> default_socket_;
};

}  // namespace postern::client
