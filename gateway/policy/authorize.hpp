// The one place that decides who may come in. Pure: certificate, time, CRL and policy are all handed in.
// Fails closed: what is missing, stale or unknown refuses.
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

/// A moment by the wall clock, which can be wrong and can be set, and by one that nobody sets.
struct Moment {
    SystemTime wall{};
    EvenTime even{};
};

/// How far past a limit of time things still count. Zero is the strict answer.
struct Graces {
    /// The CRL past its nextUpdate, and past the end of the trust in it.
    std::chrono::milliseconds offline{0};
};

/// Whether there is a CRL that counts at this moment, of whomever it speaks: crl_stale. Without one nobody is
/// let in.
Result<void> check_current(const Revocations* revocations, Moment now, Graces graces);

/// Whether this identity may be talked to at all: its certificate valid now, a fresh CRL at hand that speaks
/// of it, and not on it. not_yet_valid, expired, crl_stale, revoked, user_disabled, session_ended.
Result<void> authenticate(const Identity& identity, Moment now, const Revocations* revocations,
                          Graces graces);

/// Whether it may use the service; unknown_service or policy_denied besides the failures of authenticate().
/// The service lives as long as `policy`.
Result<const Service*> authorize(const Identity& identity, std::string_view service, Moment now,
                                 const Revocations* revocations, const Policy& policy, Graces graces);

/// Whether the CRL says anything of certificates of this issuer: of its name, and of its key where both say
/// which that is. An authority that was made anew bears the name of the old one (RFC 5280, sections 4.2.1.1
/// and 6.3.3).
bool covers_issuer(const Revocations& revocations, const Identity& identity);

/// The CRL's word alone: why the certificate is revoked. A missing CRL, or one of another authority's key,
/// says nothing.
Result<void> check_not_revoked(const Identity& identity, const Revocations* revocations);

/// Whether a tunnel that was let in may stay open: revoked, user_disabled, session_ended, expired (by more
/// than `expiry_grace`) or policy_denied. A stale CRL does not cut it: an outage of the CA turns newcomers
/// away and leaves those who are in.
Result<void> check_still_allowed(const Identity& identity, std::string_view service, SystemTime now,
                                 const Revocations* revocations, const Policy& policy,
                                 std::chrono::milliseconds expiry_grace);

}  // namespace postern::gateway
