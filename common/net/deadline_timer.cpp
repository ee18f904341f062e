#include "net/deadline_timer.hpp"

#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace postern::net {

struct DeadlineTimer::State {
    State(const boost::asio::any_io_executor& executor, std::function<void()> on_end)
        : timer(executor), cut(std::move(on_end)) {}

    boost::asio::steady_timer timer;
    std::function<void()> cut;
    bool is_over = false;
    bool has_passed = false;
};

DeadlineTimer::DeadlineTimer(const boost::asio::any_io_executor& executor, Deadline deadline,
                             std::function<void()> cut)
    : state_(std::make_shared<State>(executor, std::move(cut))) {
    state_->timer.expires_at(deadline.time());
    // The handler may already be queued when the Deadline is destroyed; is_over then stops it.
    state_->timer.async_wait([state = state_](const boost::system::error_code& error) {
        if (error || state->is_over) {
            return;
        }
        state->has_passed = true;
        state->cut();
    });
}

DeadlineTimer::~DeadlineTimer() {
    state_->is_over = true;
    state_->cut = nullptr;
    state_->timer.cancel();
}

bool DeadlineTimer::has_passed() const noexcept {
    return state_->has_passed;
}

}  // namespace postern::net
