// `postern connect` while it runs: opens its ports at the agent, shows what becomes of them, and sees to it
// that a login session that ends is followed by another.
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
    /// Empty: whatever fits the service.
    std::string mode;
    /// Nothing: the remembered one, or the next free one. 0: any, not remembered.
    std::optional<unsigned short> port;
};

/// Its ports stay open while it runs, or for good (ConnectOptions::is_background). One thread.
class Foreground {
public:
    Foreground(const ConnectOptions& options, std::vector<WantedPort> wanted, Notes& notes);

    /// Opens the ports; says which.
    Outcome<void> open(control::AgentClient& agent);
    /// Until a signal comes, which makes `signals` readable (0), or the agent ends.
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
    /// How far this machine's clock is ahead of the CA service's, where that matters.
    std::chrono::seconds clock_ahead_{0};
    bool has_ended_ = false;
    /// A new login is to be made, as soon as its pause is over.
    bool needs_login_ = false;
    /// Of logins that fail for want of a network, and of those that do not last.
    Pace login_pace_;
    std::chrono::steady_clock::time_point last_login_ = std::chrono::steady_clock::now();
    bool was_expired_ = false;
    /// A new login can be made from here. Local connections wait for it.
    bool asks_login_;
    /// What the agent was told of that.
    bool says_it_asks_ = false;
    /// Ctrl-C at the question.
    bool was_cancelled_ = false;
};

}  // namespace postern::client
