// Certification path validation (RFC 5280, section 6) by OpenSSL, set up in the one way that Postern judges chains
// by: who verifies a peer's chain and who decides which authorities to believe ask for the same.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "pki/certificate.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// Intermediates between leaf and root that a chain may have, and that a peer may send.
inline constexpr int kMaximumDepth = 8;

/// Of one certificate. What it is made from must outlive it.
class PathValidation {
public:
    /// From `subject` through any of `others`, which prove nothing by being there, to an anchor of `anchors`, at
    /// `now`. `purpose`: OpenSSL's name of it ("ssl_client"), or nullptr for any.
    PathValidation(X509_STORE* anchors, const Certificate& subject, const std::vector<Certificate>& others,
                   const char* purpose, SystemTime now);

    /// For X509_verify_cert() and what asks about its result.
    X509_STORE_CTX* get() const noexcept { return context_.get(); }

private:
    /// The stack alone; the certificates in it belong to others.
    struct StackFreer {
        void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
    };

    std::unique_ptr<STACK_OF(X509), StackFreer> others_;
    X509StoreCtxPtr context_;
};

}  // namespace postern::pki
