// A CONNECT that was understood: judged, dialled, recorded, answered, relayed, and recorded again when it
// ends.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "gateway/tunnel/client_connection.hpp"
#include "gateway/tunnel/tunnel_request.hpp"

namespace postern::gateway {

/// A CONNECT, ready to be judged.
struct ConnectRequest {
    TunnelRequest request;
    /// What the client sent behind it; forwarded after the tunnel was let in.
    std::string early;
};

/// Uses the connection up.
boost::asio::awaitable<void> serve_tunnel(ClientConnection& connection,
                                          std::unique_ptr<ConnectRequest> asked);

}  // namespace postern::gateway
