// Holds the best verified CRL that this gateway has seen. It is not replaced by an older one, nor by one that
// is not valid at this time.
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

/// Holds the CRL in force. To be used on one thread.
class CurrentCrl {
public:
    /// How far the CA's clock may be ahead of this machine's.
    static constexpr std::chrono::minutes kClockSlack{5};

    /// Takes the CRL (DER) if a CA of the bundle signed it and it is not older than the current one of the
    /// same CA (CRL number, RFC 5280, section 5.2.3). An older one fails with Code::crl_stale. One whose
    /// thisUpdate is in the future, by more than kClockSlack, is never taken (Code::not_yet_valid). One whose
    /// nextUpdate has passed is taken only when the current one is out of date as well or there is none
    /// (Code::expired otherwise).
    ///
    /// After a failure the current CRL stays. There is one addition: if a newer CRL of the same CA was
    /// refused for its times, the certificates that it revokes are added to the current one, because a
    /// revocation counts whatever the clocks say. get() returns the result.
    Result<RevocationsPtr> offer(std::string_view der, const pki::TrustBundle& user_ca, Moment now);
    /// Applies delta CRLs of the same CA (DER, concatenated) to the current CRL, all of them or none. The
    /// result is judged like a complete CRL with the number and the times of the last delta. Also fails with
    /// Code::crl_stale when the deltas do not begin with the current CRL.
    Result<RevocationsPtr> offer_changes(std::string_view deltas, Moment now);
    /// Drops the CRL unless the new bundle still holds the key that signed it, in a certificate that may sign
    /// CRLs.
    void verify_again(const pki::TrustBundle& user_ca);

    /// The current CRL; null while there is none.
    const RevocationsPtr& get() const noexcept { return current_; }

private:
    Result<void> check_time(const pki::Crl& offered, Moment now) const;
    void add_revocations(const pki::Crl& newer);
    RevocationsPtr take(pki::Crl list, Moment now);

    RevocationsPtr current_;
    /// The CA that signed the current CRL. CRLs of another key are numbered independently.
    std::optional<pki::Certificate> issuer_;
};

}  // namespace postern::gateway
