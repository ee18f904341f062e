// What the sessions of one event loop share and borrow. All of it outlives them but `warm`, which goes before the loops do, with the frames
// of sessions that are still suspended: no destructor of theirs may touch it.
#pragma once

#include <chrono>

#include "client-proxy/session/events.hpp"
#include "client-proxy/session/live_tunnels.hpp"
#include "client-proxy/platform/socket_owner.hpp"
#include "client-proxy/tunnel/cancel_map.hpp"
#include "client-proxy/tunnel/dialer.hpp"
#include "client-proxy/tunnel/warm_pool.hpp"
#include "net/connection_slots.hpp"
#include "net/pending_connections.hpp"

namespace postern::client {

struct SessionContext {
    // Of all loops.
    EventSink& events;
    Dialer& dialer;
    CancelMap& cancels;
    LiveTunnels& tunnels;
    net::ConnectionSlots& slots;
    // Of this loop, to be used on it alone.
    net::PendingConnections& pending;
    WarmPool& warm;
    ProgramFinder& programs;
    /// For a local client's first packet.
    std::chrono::milliseconds start_timeout;
    /// For a renewal of the login that a local client waits for.
    std::chrono::milliseconds login_timeout;
};

}  // namespace postern::client
