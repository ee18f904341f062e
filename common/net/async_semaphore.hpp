// Lets only so many through at a time, first come, first served. Two thousand handshakes that begin together
// all end late, and most of them too late; taken a few at a time each is quick.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"

namespace postern::net {

/// Thread-safe: those who wait may be on different loops. Must outlive its permits.
class AsyncSemaphore {
public:
    explicit AsyncSemaphore(std::size_t places) noexcept : free_(places) {}
    AsyncSemaphore(const AsyncSemaphore&) = delete;
    AsyncSemaphore& operator=(const AsyncSemaphore&) = delete;

    /// A place, given back when this goes.
    class Permit {
    public:
        Permit(Permit&& other) noexcept;
        Permit& operator=(Permit&&) = delete;
        Permit(const Permit&) = delete;
        Permit& operator=(const Permit&) = delete;
        ~Permit();

    private:
        friend class AsyncSemaphore;
        explicit Permit(AsyncSemaphore& semaphore) noexcept : semaphore_(&semaphore) {}
        AsyncSemaphore* semaphore_;
    };

    /// Waits for a place on the caller's own loop; Code::timed_out when none came free in time.
    boost::asio::awaitable<Result<Permit>> acquire(std::chrono::milliseconds timeout);

private:
    struct Waiter;
    class Queued;
    void release() noexcept;

    std::mutex mutex_;
    std::size_t free_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace postern::net
