// `postern connect` while it runs: it opens its ports at the agent, shows their events, and starts a new
// login session when the current one ends.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/pace.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/notes.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct WantedPort {
    std::string service;
    /// When it is empty, the service is opened in the mode that fits it.
    std::string mode;
    /// Without a value it is the remembered port, or the next free one. 0 stands for any port, which is not
    /// remembered.
    std::optional<unsigned short> port;
};

/// Its ports stay open while it runs, or permanently with ConnectOptions::is_background. Used on one thread.
class Foreground {
public:
    /// `options` and `notes` outlive this object.
    Foreground(const ConnectOptions& options, std::vector<WantedPort> wanted, Notes& notes);

    /// Opens the ports and prints them.
    Outcome<void> open(control::AgentClient& agent);
    /// Runs until `signals` is readable, the ports were closed by other clients, or the person cancelled a
    /// question, and returns the exit code 0. Returns no value when the agent has ended.
    std::optional<int> watch(control::AgentClient& agent, int signals);

private:
    nlohmann::json parameters_of(const WantedPort& wanted) const;
    Outcome<void> show_opened(const WantedPort& wanted, const nlohmann::json& service, int agent_pid);
    void take(const control::Notification& notification);
    void forget(const std::string& service);
    void note_attention(const std::string& reason);
    void take_all(control::AgentClient& agent);
    bool is_session_ending() const;
    SystemTime time_there() const;
    void log_in_again(control::AgentClient& agent);
    static void say_hello(control::AgentClient& agent, bool asks_login);
    void show_status();

    const ConnectOptions& options_;
    std::vector<WantedPort> wanted_;
    Notes& notes_;
    std::set<std::string> services_;
    std::map<std::string, nlohmann::json> traffic_;
    std::map<std::string, std::string> states_;
    std::map<std::string, int> told_ports_;
    nlohmann::json login_;
    /// How far this machine's clock is ahead of the CA service's; 0 when they agree.
    std::chrono::seconds clock_ahead_{0};
    bool has_ended_ = false;
    /// A new login is to be made when the pause is over.
    bool needs_login_ = false;
    /// The pauses between logins, which become longer when logins fail because of the network or do not last.
    Pace login_pace_;
    std::chrono::steady_clock::time_point last_login_ = std::chrono::steady_clock::now();
    bool was_expired_ = false;
    /// A new login can be made by this command, so local connections wait for it.
    bool asks_login_;
    /// The value of `asks_login` that the agent was told last.
    bool says_it_asks_ = false;
    /// The person pressed Ctrl-C at the question.
    bool was_cancelled_ = false;
};

}  // namespace postern::client
