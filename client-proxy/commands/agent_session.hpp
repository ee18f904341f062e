// The steps that connecting commands take at the agent before anything else: they make sure of a login and
// describe the port.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/commands/commands.hpp"
#include "client-proxy/control/agent_client.hpp"

namespace postern::client {

/// Logs in through the agent, with what the person enters or with the given password. `is_usage` is set to
/// true when the refusal is a wrong use of the command.
Outcome<nlohmann::json> log_in_at(control::AgentClient& agent, const LoginOptions& options,
                                  bool* is_usage = nullptr);

/// Makes sure that there is a login that is valid or can be renewed. Where there is none it logs in, if the
/// person can be asked or a password file is at hand.
Outcome<void> ensure_login(control::AgentClient& agent, const LoginOptions& options);

/// Whether there is a person at a terminal who may be asked.
bool can_ask(const LoginOptions& options);
/// Whether the password is in a file or in the systemd credential, so that it can be read again for each
/// login.
bool has_password_file(const LoginOptions& options);

/// The parameters of the `connect` request.
nlohmann::json connect_parameters(const std::string& service, const LoginChoice& files);

}  // namespace postern::client
