// The time by which logins are judged: this machine's clock, or, where that is wrong, the CA service's, as it
// told it over TLS that was verified. Certificates live by the CA's clock; a desktop whose own is an hour
// ahead would take each new one for over.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace postern::client {

/// Thread-safe.
class CaClock {
public:
    /// Time that passes whatever is done to the clock, also while the machine is suspended.
    using SinceBoot = std::function<std::chrono::nanoseconds()>;

    /// Within this the two are taken for the same: the CA tells whole seconds, and the answer took a while.
    static constexpr std::chrono::seconds kTolerance{5};
    /// From here on a person is told: nothing fails yet, and soon will.
    static constexpr std::chrono::seconds kWorthTelling{30};

    CaClock(Clock local, SinceBoot since_boot);

    /// What the CA service has just said the time is, by a connection that is verified.
    void learn(SystemTime theirs);
    /// Another CA service counts from now on.
    void forget();
    /// The time by the CA service; by this machine's clock where they agree, or the CA has said nothing yet.
    SystemTime now() const;
    /// By how much this machine's clock is ahead of the CA's, less than 0: behind. Nothing before the CA has
    /// told the time. As it is now: a clock that was set meanwhile is right again.
    std::optional<std::chrono::seconds> ahead() const;

private:
    std::optional<SystemTime> theirs() const;

    const Clock local_;
    const SinceBoot since_boot_;
    mutable std::mutex mutex_;
    struct Anchor {
        SystemTime time;
        std::chrono::nanoseconds since_boot;
    };
    std::optional<Anchor> anchor_;
};

/// This process's.
CaClock& ca_clock();
/// ca_clock().now(), for whoever takes a clock.
Clock login_clock();

/// "65 min ahead of", "2 h behind": to be followed by whose clock it is compared with.
std::string offset_text(std::chrono::seconds ahead);
/// What is to be said of this machine's clock where something failed that a wrong one explains: empty while
/// it is known to be right, or within what nobody notices.
std::string clock_trouble();
inline constexpr const char* kSetTheClock = "Set this machine's clock: timedatectl set-ntp true";

}  // namespace postern::client
