// The only place that decides who is let in. It is pure: the certificate, the time, the CRL and the policy
// are parameters. It fails closed: whatever is missing, stale or unknown leads to a refusal.
#pragma once

#include <chrono>
#include <string_view>

#include "base/clock.hpp"
#include "base/even_clock.hpp"
#include "base/result.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/policy/policy.hpp"
#include "gateway/policy/revocations.hpp"

namespace postern::gateway {

/// A point in time by two clocks: the wall clock, which can be wrong or be set, and a monotonic clock, which
/// cannot be set.
struct Moment {
    SystemTime wall{};
    EvenTime even{};
};

/// How long after a time limit something is still accepted. Zero is the strict setting.
struct Graces {
    /// For the CRL: after its nextUpdate, and after Revocations::trusted_until.
    std::chrono::milliseconds offline{0};
};

/// Checks that there is a CRL that is valid at `now`, of whichever issuer. Fails with Code::crl_stale; nobody
/// is let in without such a CRL.
Result<void> check_current(const Revocations* revocations, Moment now, Graces graces);

/// Checks that this identity may talk to the gateway: its certificate is valid now, a current CRL covers its
/// issuer, and the certificate is not on it. Fails with not_yet_valid, expired, crl_stale, revoked,
/// user_disabled or session_ended.
Result<void> authenticate(const Identity& identity, Moment now, const Revocations* revocations,
                          Graces graces);

/// Returns the service if this identity may use it. Fails as authenticate() does, and with unknown_service or
/// policy_denied. The pointer is valid as long as `policy`.
Result<const Service*> authorize(const Identity& identity, std::string_view service, Moment now,
                                 const Revocations* revocations, const Policy& policy, Graces graces);

/// Returns whether the CRL covers certificates of this identity's issuer: the issuer's name must be equal,
/// and its key too where both the CRL and the certificate identify it. A CA that was set up anew has the name
/// of the old one (RFC 5280, sections 4.2.1.1 and 6.3.3).
bool covers_issuer(const Revocations& revocations, const Identity& identity);

/// Fails with the reason of the revocation when the certificate is on the CRL. A missing CRL, or one that
/// does not cover the issuer, is not a failure.
Result<void> check_not_revoked(const Identity& identity, const Revocations* revocations);

/// Checks that an open tunnel may stay open. Fails with revoked, user_disabled, session_ended, expired (by
/// more than `expiry_grace`) or policy_denied. A stale CRL is not a failure: during an outage of the CA new
/// connections are refused, and existing tunnels stay open.
Result<void> check_still_allowed(const Identity& identity, std::string_view service, SystemTime now,
                                 const Revocations* revocations, const Policy& policy,
                                 std::chrono::milliseconds expiry_grace);

}  // namespace postern::gateway
