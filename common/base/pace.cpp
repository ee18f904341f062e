#include "base/pace.hpp"

#include <algorithm>
#include <random>

namespace postern {

double Pace::random() {
    thread_local std::minstd_rand source{std::random_device{}()};
    return std::generate_canonical<double, 32>(source);
}

Pace::Span Pace::failed(Time now) {
    bound_ = std::clamp(bound_ * 2, bounds_.first, bounds_.most);
    const auto left_out = static_cast<Span::rep>(static_cast<double>(bound_.count()) * chance_() / 2);
    const Span pause = bound_ - Span(left_out);
    due_ = now + pause;
    return pause;
}

void Pace::worked() noexcept {
    bound_ = Span(0);
    due_ = Time();
}

}  // namespace postern
