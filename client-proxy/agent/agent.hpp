// The running agent: its local ports, its event loops, and what all sessions share. Refuses local connections
// of other users, more pending ones than a bound (the oldest goes), and more sessions than a bound.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "client-proxy/commands/notes.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/session/cancel_map.hpp"
#include "client-proxy/session/live_tunnels.hpp"
#include "client-proxy/tunnel/catalogue.hpp"
#include "client-proxy/tunnel/dialer.hpp"
#include "net/connection_slots.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"
#include "net/pending_connections.hpp"

namespace postern::client {

enum class Mode { end_to_end, passthrough };

/// What one local port leads to.
struct PortService {
    PortService(std::string service, Mode way, bool speaks_postgres)
        : name(std::move(service)), mode(way), is_postgres(speaks_postgres) {}

    const std::string name;
    const Mode mode;
    /// passthrough: whether clients speak PostgreSQL, so that nothing is dialled before their first packet is
    /// whole.
    std::atomic<bool> is_postgres;
};

struct AgentOptions {
    /// 0: one loop a core.
    std::size_t loops = 2;
    /// Local connections that have not said what they want; in all.
    std::size_t pending = 1024;
    std::size_t sessions = 16384;
    /// For a local client's first packet.
    std::chrono::milliseconds start_patience = std::chrono::seconds(10);
    /// For a renewal that a local client waits for.
    std::chrono::milliseconds login_patience = std::chrono::seconds(20);
    /// From the first cut tunnel to the last farewell at shutdown.
    std::chrono::milliseconds drain_patience = std::chrono::seconds(2);
    bool admits_other_users = false;
};

class Agent {
public:
    Agent(Notes& notes, AgentOptions options);
    /// Stops at once.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Where sessions get their login; before start(). Not owned.
    void set_logins(LoginSource& logins) { logins_ = &logins; }
    /// Starts the loops.
    void start();
    /// Binds 127.0.0.1 and, where there is one, ::1; `port` 0 chooses. Code::already_exists when one of them
    /// is taken. After start().
    Result<unsigned short> listen(std::string service, Mode mode, bool is_postgres, unsigned short port);
    /// Asks the gateways, until one answers, which services of passed-through ports are not PostgreSQL. Any
    /// thread.
    void learn_protocols();
    /// Shows a new login to the gateways of live tunnels, so that they live on. Any thread.
    void show(LoginPtr login);
    /// Closes the ports, tells the clients of live tunnels, waits for them. From a thread that is no loop.
    void stop();

    // For sessions.
    const AgentOptions& options() const noexcept { return options_; }
    LoginSource& logins() noexcept { return *logins_; }
    Notes& notes() noexcept { return notes_; }
    Dialer& dialer() noexcept { return dialer_; }
    CancelMap& cancels() noexcept { return cancels_; }
    LiveTunnels& tunnels() noexcept { return tunnels_; }
    net::ConnectionSlots& slots() noexcept { return slots_; }
    net::PendingConnections& pending(std::size_t loop) noexcept { return *pending_[loop]; }
    /// Of a passed-through port.
    void set_protocol(const std::string& service, bool is_postgres);

private:
    void serve(const PortService& service, boost::asio::io_context& loop, std::size_t index,
               net::PlainStream local);

    Notes& notes_;
    const AgentOptions options_;
    LoginSource* logins_ = nullptr;
    Dialer dialer_;
    CancelMap cancels_;
    LiveTunnels tunnels_;
    net::ConnectionSlots slots_;
    std::vector<std::unique_ptr<net::PendingConnections>> pending_;
    std::mutex services_mutex_;
    std::vector<std::unique_ptr<PortService>> services_;
    // After everything that sessions touch, before the doors through which they come.
    net::EventLoops loops_;
    std::vector<net::Listener> listeners_;
};

/// Why the gateway says that a tunnel ended: asks for the connection by its id. Also a refusal to answer (the
/// certificate is revoked, expired) is an answer.
boost::asio::awaitable<Refusal> ask_why_cut(Agent& agent, GatewayEntry gateway, std::string connection_id);

}  // namespace postern::client
