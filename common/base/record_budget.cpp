#include "base/record_budget.hpp"

#include <algorithm>
#include <utility>

namespace postern {

RecordBudget::RecordBudget(std::size_t per_minute)
    : per_minute_(static_cast<double>(per_minute)), left_(per_minute_) {}

bool RecordBudget::take(Time now) {
    const std::lock_guard lock(mutex_);
    if (now > filled_at_) {
        const std::chrono::duration<double, std::ratio<60>> minutes = now - filled_at_;
        left_ = std::min(per_minute_, left_ + minutes.count() * per_minute_);
        filled_at_ = now;
    }
    if (left_ < 1) {
        ++untold_;
        return false;
    }
    left_ -= 1;
    return true;
}

void RecordBudget::leave_out() {
    const std::lock_guard lock(mutex_);
    ++untold_;
}

std::size_t RecordBudget::take_untold() {
    const std::lock_guard lock(mutex_);
    return std::exchange(untold_, 0);
}

void RecordBudget::put_back(std::size_t untold) {
    const std::lock_guard lock(mutex_);
    untold_ += untold;
}

void RecordBudget::set(std::size_t per_minute) {
    const std::lock_guard lock(mutex_);
    per_minute_ = static_cast<double>(per_minute);
    left_ = std::min(left_, per_minute_);
}

}  // namespace postern
