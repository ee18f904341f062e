// The validity period of signed objects: one rule for certificates and CRLs, in every program.
//
// It is OpenSSL's rule (X509_cmp_time()), which applies in handshakes: the moment of notBefore is included,
// the moment of notAfter is not. RFC 5280, section 4.1.2.5, includes that last moment, but with two rules one
// certificate could be valid in the handshake and expired in the request, or the other way round.
#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace postern::pki {

/// The longest time after its end during which a certificate may still carry a tunnel that it opened: the
/// upper bound of a gateway's `expiry_grace`. A CRL must list a revoked certificate until then.
inline constexpr std::chrono::hours kLongestExpiryGrace{24};

/// Whether `now` is before the validity period.
constexpr bool is_too_early(SystemTime not_before, SystemTime now) noexcept {
    return now < not_before;
}

/// Whether `now` is after the validity period.
constexpr bool is_over(SystemTime not_after, SystemTime now) noexcept {
    return now >= not_after;
}

}  // namespace postern::pki
