// What every session needs before it dials: one of the bounded session slots, and a login that is valid now.
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

/// Takes a slot and the login. It waits for a renewal of the login, at most `SessionContext::login_timeout`,
/// and for the person if someone asks them. `context` outlives the call. Errors: Code::limit_reached when all
/// slots are taken, and those of LoginSource::current().
boost::asio::awaitable<Outcome<Admission>> admit(const SessionContext& context, LocalPortPtr port);

}  // namespace postern::client
