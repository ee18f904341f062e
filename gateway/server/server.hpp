// The running gateway: event loops, listeners, audit log, CRL watch, and the settings in force. Signals,
// starting and stopping are handled by the `serve` command.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "audit/log.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "gateway/admin/admin_socket.hpp"
#include "gateway/server/crl_watch.hpp"
#include "gateway/policy/snapshot.hpp"
#include "gateway/tunnel/worker.hpp"
#include "http/health_service.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"

namespace postern::gateway {

/// A running gateway. To be used on one thread that is none of the event loops.
class Server {
public:
    /// Reads the configuration, opens the audit log, binds the ports and serves. Until it has a CRL it
    /// refuses everybody. Fails when one of these steps does. Blocking.
    static Result<std::unique_ptr<Server>> start(std::filesystem::path config, Clock clock);
    /// Calls close() and then joins the thread that may still wait for the CA's answer or for a name look-up.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// The ports that it listens on, in the order of gateway.listen.
    std::vector<unsigned short> ports() const;
    /// The port of [health]; 0 when it is not configured.
    unsigned short health_port() const { return health_ ? health_->port() : 0; }
    /// The settings in force. The reference is valid until the next reload().
    const Snapshot& snapshot() const noexcept { return *snapshot_; }

    /// Reads the configuration and the files that it names again, for connections from now on. Open tunnels
    /// that it no longer allows are cut. On a failure the old configuration stays in force; that includes
    /// that the audit log cannot be written (Code::audit_unavailable). Blocking.
    Result<void> reload();
    /// Closes the audit log's file and continues in a new one, whatever its size. A failure is logged.
    /// Blocking.
    void rotate_audit_log();

    /// Logs Snapshot::warnings() of the settings in force, for example a certificate that expires soon.
    /// start() and reload() do the same; the owner calls it daily.
    void warn() const;

    /// Accepts no new connections and no new tunnels. Connections without a tunnel are closed at once: those
    /// in a handshake, warm ones and those that are kept alive. It does not wait until every loop has done
    /// so.
    void stop_accepting();
    /// Cuts every tunnel without waiting. Their records are written when tunnels() is 0.
    void cut_all(Code reason);
    /// The number of tunnels that are being opened or are open, or whose last record is not written yet.
    std::size_t tunnels() const;
    /// The number of connections since the start whose peer never sent a byte.
    std::size_t silent_peers() const noexcept { return shared_.silent.total(); }
    /// Returns whether close() would lose no audit record after stop_accepting(): every loop has handled it,
    /// no tunnel is left, and every handshake and refusal that was pending has its record.
    bool is_drained() const;
    /// Stops the event loops and everything on them, and closes the audit log with a last checkpoint. It
    /// waits for no peer.
    void close();

    /// Asks each event loop for a sign of life. Returns whether all of them have answered the previous call.
    bool check_alive();

private:
    Server(std::filesystem::path config, SnapshotPtr snapshot, std::unique_ptr<audit::Log> audit,
           Clock clock);
    Fixtures fixtures() const noexcept;
    Result<void> bind();
    void make_workers();
    void accept();
    void publish(const RevocationsPtr& revocations);
    Result<void> record_reload(const Result<SnapshotPtr>& loaded);

    std::filesystem::path config_;
    SnapshotPtr snapshot_;
    std::unique_ptr<audit::Log> audit_;
    Shared shared_;
    /// Sessions on the event loops use the workers until the loops are gone.
    std::vector<std::unique_ptr<Worker>> workers_;
    net::EventLoops loops_;
    std::vector<net::Listener> listeners_;
    std::optional<AdminSocket> admin_;
    std::optional<net::Listener> health_listener_;
    std::optional<http::HealthService> health_;
    std::optional<CrlWatch> crl_watch_;
    std::uint64_t beat_ = 0;
};

}  // namespace postern::gateway
