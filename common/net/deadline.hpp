// Deadlines of phases. A Deadline covers a phase (a handshake, a request head, a dial) rather than a message,
// so that there is one timer for each phase.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

namespace postern::net {

/// Runs `cut` on the executor's thread after the time `after`, unless the Deadline is destroyed first. `cut`
/// closes or cancels the sockets that the phase waits on. A Deadline is created, used and destroyed on one
/// thread.
class Deadline {
public:
    Deadline(const boost::asio::any_io_executor& executor, std::chrono::milliseconds after,
             std::function<void()> cut);
    ~Deadline();
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    /// Whether `cut` was run: an operation that failed with Code::cancelled has then timed out.
    bool has_passed() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::net
