// The best verified CRL that this gateway has seen. Neither an older one replaces it, nor one of another
// time.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/policy/revocations.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

/// To be used on one thread.
class CurrentCrl {
public:
    /// How far ahead of this machine's clock the CA's may be.
    static constexpr std::chrono::minutes kClockSlack{5};

    /// Takes the CRL (DER) if a CA of the bundle signed it and it is not older (CRL number, RFC 5280
    /// section 5.2.3) than the one at hand of the same authority: Code::crl_stale for an older one. One whose
    /// thisUpdate has not come (Code::not_yet_valid) is never taken, one whose nextUpdate is over
    /// (Code::expired) only where the one at hand is over, too, or there is none. What is at hand then
    /// stays, but for what a newer one of another time revokes: that is the CA's word whatever the clocks
    /// say, and is added to what is at hand, which get() tells.
    Result<RevocationsPtr> offer(std::string_view der, const pki::TrustBundle& user_ca, Moment now);
    /// Takes the changes that lead on from the list at hand (delta CRLs of the same authority, DER, one
    /// behind the other), all of them or none. Judged like a list of the number and the times of the last
    /// one; Code::crl_stale also where they do not begin with the list at hand.
    Result<RevocationsPtr> offer_changes(std::string_view deltas, Moment now);
    /// Drops the CRL unless the (new) bundle still holds the key that signed it, as one that may.
    void verify_again(const pki::TrustBundle& user_ca);

    /// Null while there is none.
    const RevocationsPtr& get() const noexcept { return current_; }

private:
    Result<void> check_time(const pki::Crl& offered, Moment now) const;
    void add_revocations(const pki::Crl& newer);
    RevocationsPtr take(pki::Crl list, Moment now);

    RevocationsPtr current_;
    /// Who signed it: another key counts its CRLs from one again.
    std::optional<pki::Certificate> issuer_;
};

}  // namespace postern::gateway
