// Serves a CONNECT request that was parsed: authorizes it, dials the backend, records and answers it, relays
// the bytes, and records its end.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "gateway/tunnel/client_connection.hpp"
#include "gateway/tunnel/tunnel_request.hpp"

namespace postern::gateway {

/// A parsed CONNECT request that is not authorized yet.
struct ConnectRequest {
    TunnelRequest request;
    /// What the client sent after the request. It is forwarded once the tunnel is let in.
    std::string early;
};

/// Serves the tunnel or refuses it. The connection cannot be used afterwards. `connection` must outlive the
/// call.
boost::asio::awaitable<void> serve_tunnel(ClientConnection& connection,
                                          std::unique_ptr<ConnectRequest> asked);

}  // namespace postern::gateway
