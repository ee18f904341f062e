#include "net/fair_turns.hpp"

#include <iterator>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/await.hpp"

namespace postern::net {

namespace asio = boost::asio;

/// Wakes the coroutine of one member.
struct FairTurns::Waiter {
    explicit Waiter(asio::io_context& loop)
        : timer(loop, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    bool is_waiting = false;

    void wake() {
        is_waiting = false;
        timer.cancel();
    }
};

FairTurns::Member::Member(FairTurns& turns, std::string key) : turns_(turns), key_(std::move(key)) {}

FairTurns::Member::~Member() {
    leave();
}

asio::awaitable<void> FairTurns::Member::next() {
    if (has_left_) {
        co_return;
    }
    if (!turns_.is_taken_) {
        turns_.is_taken_ = true;
        turns_.grant_soon();
        co_return;
    }
    if (waiter_ == nullptr) {
        waiter_ = std::make_shared<Waiter>(turns_.loop_);
    }
    const std::shared_ptr<Waiter> waiter = waiter_;
    turns_.add(key_, waiter);
    while (waiter->is_waiting) {
        co_await waiter->timer.async_wait(kAwait);
    }
}

void FairTurns::Member::leave() noexcept {
    has_left_ = true;
    if (waiter_ != nullptr && waiter_->is_waiting) {
        turns_.remove(key_, waiter_);
        waiter_->wake();
    }
}

void FairTurns::add(const std::string& key, const std::shared_ptr<Waiter>& waiter) {
    waiter->is_waiting = true;
    ++waiting_;
    const auto known = by_key_.find(key);
    if (known != by_key_.end()) {
        known->second->waiters.push_back(waiter);
        return;
    }
    lanes_.push_back(Lane{key, {waiter}});
    by_key_.emplace(key, std::prev(lanes_.end()));
}

void FairTurns::remove(const std::string& key, const std::shared_ptr<Waiter>& waiter) noexcept {
    const auto lane = by_key_.find(key);
    lane->second->waiters.remove(waiter);
    --waiting_;
    if (lane->second->waiters.empty()) {
        lanes_.erase(lane->second);
        by_key_.erase(lane);
    }
}

void FairTurns::grant_soon() {
    // The handler is queued behind those that are ready by now, so that the loop polls its sockets between
    // two turns.
    asio::post(loop_, [this, life = std::weak_ptr<bool>(life_)] {
        if (!life.expired()) {
            grant_next();
        }
    });
}

void FairTurns::grant_next() {
    if (lanes_.empty()) {
        is_taken_ = false;
        return;
    }
    Lane& lane = lanes_.front();
    const std::shared_ptr<Waiter> next = std::move(lane.waiters.front());
    lane.waiters.pop_front();
    --waiting_;
    if (lane.waiters.empty()) {
        by_key_.erase(lane.key);
        lanes_.pop_front();
    } else {
        lanes_.splice(lanes_.end(), lanes_, lanes_.begin());
    }
    next->wake();
    grant_soon();
}

}  // namespace postern::net
