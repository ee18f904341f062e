// The Unix socket by which an administrator of this machine lists live connections and ends one. HTTP, so
// that `curl --unix-socket` works as well:
//
//   GET /v1/sessions                            who is in, since when, how many bytes
//   DELETE /v1/sessions/<id>                    ends that connection, after the audit record of who asked for it
//   DELETE /v1/sessions?user=NAME&service=NAME  ends all of that user, to that service, or both; a record for each
//
// Who may: root and the gateway's own user, as the kernel tells it (SO_PEERCRED). The socket has mode 0600.
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

/// Serves on the loops that it is given; they must be stopped before it goes.
class AdminSocket {
public:
    /// Cuts those tunnels with Code::killed, on whichever loops they live.
    using Kill = std::function<void(const Selection& selection)>;

    /// Takes the place of a socket that nobody listens on any more, and of nothing else.
    /// Code::already_exists when another process listens there, Code::io_failed otherwise.
    static Result<AdminSocket> bind(const std::filesystem::path& path);

    void serve(net::EventLoops& loops, Shared& shared, std::string gateway, Kill kill);
    void stop() { listener_.stop(); }

    /// What the connections that are being served share.
    struct Desk;

private:
    explicit AdminSocket(net::Listener listener) : listener_(std::move(listener)) {}
    net::Listener listener_;
    std::shared_ptr<Desk> desk_;
};

}  // namespace postern::gateway
