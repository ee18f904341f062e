// What every session needs before it dials: one of the bounded places, and a login that is good now.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/session/session_context.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "net/connection_slots.hpp"

namespace postern::client {

struct Admission {
    net::ConnectionSlots::Slot slot;
    LoginPtr login;
};

/// Waits for a renewal of the login, at most as long as `context` says; it outlives the call.
boost::asio::awaitable<Outcome<Admission>> admit(const SessionContext& context, LocalPortPtr port);

}  // namespace postern::client
