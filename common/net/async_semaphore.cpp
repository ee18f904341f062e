#include "net/async_semaphore.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::net {

namespace asio = boost::asio;

/// A coroutine that waits for a permit.
struct AsyncSemaphore::Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    /// Used on the waiter's own loop only.
    asio::steady_timer timer;
    /// Guarded by the semaphore's mutex. release() hands the permit to this waiter, so that waiters do not
    /// race for it.
    bool has_place = false;
};

AsyncSemaphore::Permit::Permit(Permit&& other) noexcept
    : semaphore_(std::exchange(other.semaphore_, nullptr)) {}

AsyncSemaphore::Permit::~Permit() {
    if (semaphore_ != nullptr) {
        semaphore_->release();
    }
}

/// A waiter's entry in the queue, in the frame of its coroutine. However the coroutine ends, the entry leaves
/// the queue, so that nobody posts to a loop that no longer exists, and a permit that was handed over but not
/// used goes to the next waiter.
class AsyncSemaphore::Queued {
public:
    Queued(AsyncSemaphore& semaphore, std::shared_ptr<Waiter> waiter) noexcept
        : semaphore_(semaphore), waiter_(std::move(waiter)) {}
    Queued(const Queued&) = delete;
    Queued& operator=(const Queued&) = delete;
    ~Queued() {
        if (take_place()) {
            semaphore_.release();
        }
    }
    asio::steady_timer& timer() noexcept { return waiter_->timer; }
    /// Leaves the queue. Returns whether a permit had been handed over.
    bool take_place() noexcept {
        const std::lock_guard lock(semaphore_.mutex_);
        if (!waiter_->has_place) {
            std::erase(semaphore_.waiting_, waiter_);
        }
        return std::exchange(waiter_->has_place, false);
    }

private:
    AsyncSemaphore& semaphore_;
    std::shared_ptr<Waiter> waiter_;
};

asio::awaitable<Result<AsyncSemaphore::Permit>> AsyncSemaphore::acquire(std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    std::shared_ptr<Waiter> waiter;
    {
        const std::lock_guard lock(mutex_);
        if (free_ > 0) {
            --free_;
        } else {
            waiter = std::make_shared<Waiter>(executor);
            waiter->timer.expires_after(timeout);
            waiting_.push_back(waiter);
        }
    }
    if (waiter) {
        Queued queued(*this, std::move(waiter));
        constexpr auto token = asio::as_tuple(asio::use_awaitable);
        [[maybe_unused]] const auto woken = co_await queued.timer().async_wait(token);
        if (!queued.take_place()) {
            co_return Failure{Code::timed_out, "too many handshakes were in progress"};
        }
    }
    Permit permit(*this);
    co_return std::move(permit);
}

void AsyncSemaphore::release() noexcept {
    std::shared_ptr<Waiter> next;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
            ++free_;
            return;
        }
        next = std::move(waiting_.front());
        waiting_.pop_front();
        next->has_place = true;
    }
    auto executor = next->timer.get_executor();
    // Moving the expiry also works if the timer does not wait yet; cancelling would then have no effect.
    auto wake = [next = std::move(next)] { next->timer.expires_at(asio::steady_timer::time_point::min()); };
    asio::post(executor, std::move(wake));
}

}  // namespace postern::net
