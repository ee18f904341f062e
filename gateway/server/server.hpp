// The running gateway: loops, listeners, audit log, CRL watch, and the settings in force. What starts and
// stops it, and signals, are the command's.
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

/// To be used on one thread that is none of the loops.
class Server {
public:
    /// Reads the configuration, opens the audit log, binds, and serves. While there is no CRL it refuses
    /// everybody.
    static Result<std::unique_ptr<Server>> start(std::filesystem::path config, Clock clock);
    /// close(), and then waits for what may take long and holds nothing: the CA's answer, the look-up of a
    /// name.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// The ports in force, in the order of gateway.listen.
    std::vector<unsigned short> ports() const;
    /// Of [health]; 0 where there is none.
    unsigned short health_port() const { return health_ ? health_->port() : 0; }
    const Snapshot& snapshot() const noexcept { return *snapshot_; }

    /// Reads the configuration and the files that it names again. For connections from now on; live tunnels
    /// that it no longer allows are cut. On a failure the old one stays in force, also when the audit log
    /// cannot be written (Code::audit_unavailable).
    Result<void> reload();
    /// Closes the audit log's file and goes on in a new one, whatever its size. Blocking: not for a loop.
    void rotate_audit_log();

    /// Logs what makes trouble, or soon will, in what is in force: a certificate that ends. As start() and
    /// reload() do; to be called daily.
    void warn() const;

    /// No new connections, no new tunnels. What carries no tunnel is closed at once: handshakes, warm
    /// connections, those that are kept alive.
    void stop_accepting();
    /// Cuts every tunnel. Their records are written when tunnels() is 0.
    void cut_all(Code reason);
    std::size_t tunnels() const;
    /// Connections whose peer never said a byte, since the start.
    std::size_t silent_peers() const noexcept { return shared_.silent.total(); }
    /// After stop_accepting(): whether every loop has heard of it, no tunnel is left, and whoever was in the
    /// middle of a handshake or a refusal then has the record of it. Until then close() would lose records.
    bool is_drained() const;
    /// Ends the loops and everything on them, and closes the audit log with its last checkpoint. Waits for no
    /// peer.
    void close();

    /// Asks each loop for a sign of life; whether each has answered the last time.
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
    // Sessions on the loops use the workers until the loops are gone.
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
