// What every session needs before it dials: one of the bounded places, and a login that is good now.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal.hpp"
#include "client-proxy/session/local_port.hpp"
#include "net/connection_slots.hpp"

namespace postern::client {

class Agent;

struct Admission {
    net::ConnectionSlots::Slot slot;
    LoginPtr login;
};

/// Waits for a renewal of the login, at most as long as the agent's options say.
boost::asio::awaitable<Outcome<Admission>> admit(Agent& agent, LocalPortPtr port);

}  // namespace postern::client
