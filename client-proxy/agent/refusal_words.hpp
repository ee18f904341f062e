// These functions say how the agent reads refusals, and how it tells its clients of them
// (docs/agent-protocol.md). All of them are pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "client-proxy/control/server.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Makes the object that stands as `error` in services, logins and settings.
nlohmann::json error_json(const Refusal& refusal, const std::string& reason);
/// Refuses a request for a port, with the word by which clients know what to do about it.
control::Reply port_refusal_reply(const Refusal& refusal);
/// Says whether a connection that ended with this code may have lost its gateway. It is no proof: PostgreSQL
/// and the local network end connections too.
bool may_be_gateway(Code code);

}  // namespace postern::client
