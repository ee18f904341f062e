// The Unix socket on which an administrator of this machine lists live connections and ends them. It speaks
// HTTP, so that `curl --unix-socket` works as well:
//
//   GET /v1/sessions                           who is connected, since when, how many bytes
//   DELETE /v1/sessions/<id>                   ends that one, after the audit record of who asked for it
//   DELETE /v1/sessions?user=NAME&service=NAME ends all of that user, to that service, or both, each
//                                              after its record
//
// Only root and the gateway's own user are allowed, as the kernel reports them (SO_PEERCRED). The socket has
// mode 0600.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "gateway/tunnel/live_connections.hpp"
#include "gateway/tunnel/worker.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"

namespace postern::gateway {

/// Serves on the loops that it is given, which must be stopped before this object is destroyed.
class AdminSocket {
public:
    /// Cuts the selected tunnels with Code::killed, on whichever loops they run. Called on any of the loops.
    using Kill = std::function<void(const Selection& selection)>;

    /// Creates the socket. It replaces a socket file of its own user that nobody listens on, and nothing
    /// else. Fails with Code::already_exists when another process listens there, and with Code::io_failed
    /// otherwise.
    static Result<AdminSocket> bind(const std::filesystem::path& path);

    /// Accepts connections on `loops`. `shared` must outlive the loops; `gateway` is the gateway's name.
    void serve(net::EventLoops& loops, Shared& shared, std::string gateway, Kill kill);
    /// Accepts no further connections.
    void stop() { listener_.stop(); }

    /// The state that all connections to the socket share.
    struct Desk;

private:
    explicit AdminSocket(net::Listener listener) : listener_(std::move(listener)) {}
    net::Listener listener_;
    std::shared_ptr<Desk> desk_;
};

}  // namespace postern::gateway
