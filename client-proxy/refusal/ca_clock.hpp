// The time by which logins are judged: this machine's clock, or, when that is wrong, the CA service's time as
// it was told over verified TLS. Certificates follow the CA's clock; a desktop whose own clock is an hour
// ahead would take each new one for expired.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace postern::client {

/// All functions are thread-safe.
class CaClock {
public:
    /// The time since boot, which runs on when the clock is set and while the machine is suspended.
    using SinceBoot = std::function<std::chrono::nanoseconds()>;

    /// Within this difference the two clocks count as equal: the CA tells whole seconds, and its answer takes
    /// time.
    static constexpr std::chrono::seconds kTolerance{5};
    /// From this difference on a person is told. Nothing fails yet, but soon will.
    static constexpr std::chrono::seconds kWorthTelling{30};

    CaClock(Clock local, SinceBoot since_boot);

    /// Takes the time that the CA service has just told over a verified connection.
    void learn(SystemTime theirs);
    /// Forgets the CA's time, because another CA service is used from now on.
    void forget();
    /// The CA service's time. When the two clocks agree, or the CA has not told its time yet, it is this
    /// machine's time.
    SystemTime now() const;
    /// How far this machine's clock is ahead of the CA's; negative when it is behind. No value before the CA
    /// has told its time. The clock is read at each call, so that one that was corrected is right at once.
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

/// The clock of this process.
CaClock& ca_clock();
/// ca_clock().now() as a Clock.
Clock login_clock();

/// "65 min ahead of" or "2 h behind"; the caller adds whose clock it is compared with.
std::string offset_text(std::chrono::seconds ahead);
/// What to say about this machine's clock when a failure could be explained by a wrong one. Empty while the
/// clock is known to be right within kWorthTelling, and before the CA has told its time.
std::string clock_trouble();
inline constexpr const char* kSetTheClock = "Set this machine's clock: timedatectl set-ntp true";

}  // namespace postern::client
