// A command's side of the control socket: finds the agent, or starts one in the background, and asks it.
// Blocking; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/unique_fd.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "client-proxy/control/runtime_folder.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client::control {

/// What an agent that a command started says to it, once: that it serves, or why it cannot.
std::string start_report(const std::optional<Refusal>& refusal);
/// The reason in it; nothing when it serves, or another agent does.
std::optional<Refusal> told_at_start(std::string_view report);

class AgentClient {
public:
    /// Whether an agent of this user answers there.
    static bool answers_at(const RuntimeFolder& folder);
    /// To the agent that runs; Code::not_found when none does, Code::policy_denied when a process of another
    /// user is in its place.
    static Outcome<AgentClient> find();
    /// The same, after starting one when none runs. It outlives this process.
    static Outcome<AgentClient> find_or_start();

    /// The result. Longer than any wait that the agent itself allows.
    Outcome<nlohmann::json> call(std::string_view method,
                                 const nlohmann::json& params = nlohmann::json::object(),
                                 std::chrono::milliseconds timeout = std::chrono::seconds(60));
    /// The next notification that has come; nothing when none has. Call when fd() is readable, until there is
    /// nothing more.
    std::optional<Notification> take();
    /// Until `fd` can be read, while what the agent tells is taken in. False when call() is to end, or the
    /// agent has ended.
    bool wait_for_input(int fd);
    /// Until the agent has ended; ten seconds at most.
    void wait_until_closed();
    /// Whether the agent has closed the connection.
    bool is_closed() const noexcept { return is_closed_; }
    int fd() const noexcept { return fd_.get(); }
    /// From now on call() ends with Code::cancelled as soon as the descriptor can be read, and asks nothing
    /// more.
    void interrupt_when_readable(int fd) noexcept { interruption_ = fd; }

private:
    explicit AgentClient(UniqueFd fd) : fd_(std::move(fd)) {}
    bool read_more(std::chrono::milliseconds timeout);
    void take_in();

    UniqueFd fd_;
    LineReader lines_{kMostAnswerBytes};
    std::deque<Notification> notifications_;
    std::uint64_t last_id_ = 0;
    bool is_closed_ = false;
    int interruption_ = -1;
    bool is_interrupted_ = false;
};

}  // namespace postern::client::control
