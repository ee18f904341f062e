// The newest verified CRL that this gateway has seen. An older one never replaces it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "gateway/revocations.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

/// To be used on one thread.
class CurrentCrl {
public:
    /// Takes the CRL (DER) if a CA of the bundle signed it and it is not older (CRL number, RFC 5280
    /// section 5.2.3) than the one at hand of the same authority. Code::crl_stale for an older one; what is
    /// at hand then stays.
    Result<RevocationsPtr> offer(std::string_view der, const pki::TrustBundle& user_ca);
    /// Drops the CRL unless the (new) bundle still vouches for it.
    void verify_again(const pki::TrustBundle& user_ca);

    /// Null while there is none.
    const RevocationsPtr& get() const noexcept { return current_; }
    const std::string& der() const noexcept { return der_; }

private:
    RevocationsPtr current_;
    std::string der_;
    /// SHA-256 of the certificate that signed it: another key counts its CRLs from one again.
    std::string issuer_fingerprint_;
};

}  // namespace postern::gateway
