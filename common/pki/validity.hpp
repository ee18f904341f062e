// From when to when something that is signed counts: the one rule for certificates and CRLs, in every
// program.
//
// It is OpenSSL's (X509_cmp_time()), which judges the handshake: the moment of notBefore belongs to it, the
// moment of notAfter does not. RFC 5280 section 4.1.2.5 counts that last moment in; two rules would let one
// certificate be good for the handshake and expired for the request, or the other way round.
#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace postern::pki {

/// For how long past its end a certificate may still carry a tunnel that it opened, at the most: the bound of
/// a gateway's `expiry_grace`. Until then a CRL must go on naming it.
inline constexpr std::chrono::hours kLongestExpiryGrace{24};

constexpr bool is_too_early(SystemTime not_before, SystemTime now) noexcept {
    return now < not_before;
}

constexpr bool is_over(SystemTime not_after, SystemTime now) noexcept {
    return now >= not_after;
}

}  // namespace postern::pki
