// What connecting commands do at the agent before anything else: be logged in, open the port.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/commands/commands.hpp"
#include "client-proxy/control/agent_client.hpp"

namespace postern::client {

/// Logs in, by asking the person or with the given password. `is_usage` is set when the command was used
/// wrongly.
Outcome<nlohmann::json> log_in_at(control::AgentClient& agent, const LoginOptions& options,
                                  bool* is_usage = nullptr);

/// A login that is good, or can be renewed; logs in where there is none and the person, or a credential, can
/// be asked.
Outcome<void> ensure_login(control::AgentClient& agent, const LoginOptions& options);

/// Whether there is a person at a terminal who may be asked.
bool can_ask(const LoginOptions& options);
/// Whether a password is at hand in a file (or as the systemd credential), again and again.
bool has_password_file(const LoginOptions& options);

/// The parameters of `connect`.
nlohmann::json connect_parameters(const std::string& service, const LoginChoice& files);

}  // namespace postern::client
