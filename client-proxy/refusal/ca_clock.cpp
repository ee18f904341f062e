#include "client-proxy/refusal/ca_clock.hpp"

#include <ctime>
#include <utility>

#include <fmt/format.h>

namespace postern::client {

namespace {

std::chrono::nanoseconds since_boot() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::chrono::seconds magnitude(std::chrono::seconds span) {
    return span < std::chrono::seconds(0) ? -span : span;
}

}  // namespace

CaClock::CaClock(Clock local, SinceBoot since_boot)
    : local_(std::move(local)), since_boot_(std::move(since_boot)) {}

void CaClock::learn(SystemTime theirs) {
    const std::lock_guard lock(mutex_);
    // The Date field is truncated to whole seconds; half a second is the mean of what was cut off.
    anchor_ = Anchor{theirs + std::chrono::milliseconds(500), since_boot_()};
}

void CaClock::forget() {
    const std::lock_guard lock(mutex_);
    anchor_.reset();
}

std::optional<SystemTime> CaClock::theirs() const {
    const std::lock_guard lock(mutex_);
    if (!anchor_) {
        return std::nullopt;
    }
    return anchor_->time +
           std::chrono::duration_cast<SystemTime::duration>(since_boot_() - anchor_->since_boot);
}

std::optional<std::chrono::seconds> CaClock::ahead() const {
    const auto there = theirs();
    if (!there) {
        return std::nullopt;
    }
    return std::chrono::round<std::chrono::seconds>(local_() - *there);
}

SystemTime CaClock::now() const {
    const auto there = theirs();
    const auto here = local_();
    if (!there || magnitude(std::chrono::round<std::chrono::seconds>(here - *there)) <= kTolerance) {
        return here;
    }
    return *there;
}

CaClock& ca_clock() {
    static CaClock clock(system_clock(), since_boot);
    return clock;
}

Clock login_clock() {
    return [] { return ca_clock().now(); };
}

std::string offset_text(std::chrono::seconds ahead) {
    const auto seconds = magnitude(ahead).count();
    const std::string span = seconds < 120          ? fmt::format("{} s", seconds)
                             : seconds < 120 * 60   ? fmt::format("{} min", (seconds + 30) / 60)
                             : seconds < 48 * 3600L ? fmt::format("{} h", (seconds + 1800) / 3600)
                                                    : fmt::format("{} days", (seconds + 43200) / 86400);
    return fmt::format("{} {}", span, ahead.count() < 0 ? "behind" : "ahead of");
}

std::string clock_trouble() {
    const auto ahead = ca_clock().ahead();
    if (!ahead || magnitude(*ahead) <= CaClock::kWorthTelling) {
        return {};
    }
    return fmt::format("this machine's clock is {} the CA service's", offset_text(*ahead));
}

}  // namespace postern::client
