// Limits how many operations run at a time, first come, first served. Two thousand handshakes that run at
// once all finish late, most of them too late; a few at a time are each quick.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"

namespace postern::net {

/// A semaphore for coroutines. Thread-safe: its waiters may be on different loops. It must outlive its
/// permits.
class AsyncSemaphore {
public:
    explicit AsyncSemaphore(std::size_t places) noexcept : free_(places) {}
    AsyncSemaphore(const AsyncSemaphore&) = delete;
    AsyncSemaphore& operator=(const AsyncSemaphore&) = delete;

    /// One unit of the semaphore, released by the destructor.
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

    /// Waits for a permit and resumes on the caller's own loop. Fails with Code::timed_out if none became
    /// free in time.
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
