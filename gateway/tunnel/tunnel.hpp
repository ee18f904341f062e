// A CONNECT that was understood: judged, dialled, recorded, answered, relayed, and recorded again when it
// ends.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "gateway/tunnel/tunnel_request.hpp"
#include "gateway/tunnel/visit.hpp"

namespace postern::gateway {

/// A CONNECT, ready to be judged.
struct Asked {
    TunnelRequest request;
    /// What the client sent behind it; forwarded after the tunnel was let in.
    std::string early;
};

/// Uses the visit up.
boost::asio::awaitable<void> serve_tunnel(Visit& visit, std::unique_ptr<Asked> asked);

}  // namespace postern::gateway
