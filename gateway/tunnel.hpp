// A CONNECT that was understood: judged, dialled, recorded, answered, relayed, and recorded again when it
// ends.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "gateway/tunnel_request.hpp"
#include "gateway/visit.hpp"

namespace postern::gateway {

/// `early` is what the client sent behind the CONNECT; it is forwarded after the tunnel was let in. Uses the
/// visit up.
boost::asio::awaitable<void> serve_tunnel(Visit& visit, TunnelRequest request, std::string early);

}  // namespace postern::gateway
