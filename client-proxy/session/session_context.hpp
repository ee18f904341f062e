// What the sessions of one event loop share. All of it outlives them except `warm`, which is destroyed before
// the loops and so before the frames of sessions that are still suspended: their destructors must not use it.
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
    // Shared by all loops:
    EventSink& events;
    Dialer& dialer;
    CancelMap& cancels;
    LiveTunnels& tunnels;
    net::ConnectionSlots& slots;
    // Belonging to this loop, and used only on it:
    net::PendingConnections& pending;
    WarmPool& warm;
    ProgramFinder& programs;
    /// Limits the wait for a local client's first packet.
    std::chrono::milliseconds start_timeout;
    /// Limits the wait of a local client for a renewal of the login.
    std::chrono::milliseconds login_timeout;
};

}  // namespace postern::client
