// Ends a phase at its deadline. A phase is a handshake, a request head, a dial, rather than a message, so
// that there is one timer for each phase.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "net/deadline.hpp"

namespace postern::net {

/// Runs `cut` on the executor's thread at the deadline, unless the timer is destroyed first. `cut` closes or
/// cancels the sockets that the phase waits on. A timer is created, used and destroyed on one thread.
class DeadlineTimer {
public:
    DeadlineTimer(const boost::asio::any_io_executor& executor, Deadline deadline, std::function<void()> cut);
    ~DeadlineTimer();
    DeadlineTimer(const DeadlineTimer&) = delete;
    DeadlineTimer& operator=(const DeadlineTimer&) = delete;

    /// Whether `cut` was run: an operation that failed with Code::cancelled has then timed out.
    bool has_passed() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
