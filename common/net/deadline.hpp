// What ends a wait. A Deadline covers a phase (a handshake, a request head, a dial), not a message: one timer
// a phase.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

namespace postern::net {

/// Runs `cut` on the executor's thread unless this object goes first; `cut` closes or cancels the sockets
/// that the phase waits on. To be made, used and destroyed on one thread.
class Deadline {
public:
    Deadline(const boost::asio::any_io_executor& executor, std::chrono::milliseconds after,
             std::function<void()> cut);
    ~Deadline();
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    /// Whether it ran `cut`: the operation that failed with `cancelled` timed out.
    bool has_passed() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
