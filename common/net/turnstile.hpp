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

/// Thread-safe: those who wait may be on different loops. Must outlive its passes.
class Turnstile {
public:
    explicit Turnstile(std::size_t places) noexcept : free_(places) {}
    Turnstile(const Turnstile&) = delete;
    Turnstile& operator=(const Turnstile&) = delete;

    /// A place, given back when this goes.
    class Pass {
    public:
        Pass(Pass&& other) noexcept;
        Pass& operator=(Pass&&) = delete;
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;
        ~Pass();

    private:
        friend class Turnstile;
        explicit Pass(Turnstile& turnstile) noexcept : turnstile_(&turnstile) {}
        Turnstile* turnstile_;
    };

    /// Waits for a place on the caller's own loop; Code::timed_out when none came free in time.
    boost::asio::awaitable<Result<Pass>> enter(std::chrono::milliseconds patience);

private:
    struct Waiter;
    class Queued;
    void leave() noexcept;

    std::mutex mutex_;
    std::size_t free_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace postern::net
