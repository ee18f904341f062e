// The client side of the control socket, for commands: it finds the agent or starts one in the background,
// and sends it requests. Blocking; for use on one thread.
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

/// The line with which an agent that a command started reports, once, that it serves or why it cannot.
std::string start_report(const std::optional<Refusal>& refusal);
/// The reason in such a line. There is no value when the agent serves, or when another agent already does.
std::optional<Refusal> told_at_start(std::string_view report);

/// A connection to the agent. Not thread-safe; all functions block.
class AgentClient {
public:
    /// Whether an agent of this user accepts connections at the folder's socket.
    static bool answers_at(const RuntimeFolder& folder);
    /// Connects to the running agent. Errors: Code::not_found when none runs; Code::policy_denied when a
    /// process of another user listens in its place.
    static Outcome<AgentClient> find();
    /// The same, but starts an agent when none runs. That agent outlives this process. Errors also:
    /// Code::unavailable when the agent does not start within ten seconds, or the agent's own reason.
    static Outcome<AgentClient> find_or_start();

    /// Sends a request and returns its result. The default `timeout` is longer than any wait that the agent
    /// itself allows. Errors: the agent's refusal; Code::timed_out; Code::unavailable when the agent has
    /// ended; Code::cancelled after interrupt_when_readable().
    Outcome<nlohmann::json> call(std::string_view method,
                                 const nlohmann::json& params = nlohmann::json::object(),
                                 std::chrono::milliseconds timeout = std::chrono::seconds(60));
    /// Returns the next notification that has arrived; no value when there is none. It is called when fd() is
    /// readable, until it returns no value.
    std::optional<Notification> take();
    /// Blocks until `fd` is readable, and meanwhile stores the agent's notifications. Returns false when the
    /// interruption descriptor is readable or the agent has ended.
    bool wait_for_input(int fd);
    /// Blocks until the agent has closed the connection, ten seconds at most.
    void wait_until_closed();
    bool is_closed() const noexcept { return is_closed_; }
    int fd() const noexcept { return fd_.get(); }
    /// From now on call() fails with Code::cancelled as soon as the descriptor is readable, and sends no
    /// further request. The caller keeps the descriptor open.
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
