// Certification path validation (RFC 5280, section 6) by OpenSSL, with the settings that are the same for
// verifying a peer's chain and for deciding which authorities to trust.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "pki/certificate.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// The most intermediates that a chain may have between leaf and root, and that a peer may send.
inline constexpr int kMaximumDepth = 8;

/// The validation of one certificate. Its arguments must outlive it. Not thread-safe.
class PathValidation {
public:
    /// Prepares the validation at `now` of a path from `subject` through any of `others`, which are not
    /// trusted themselves, to a trust anchor in `anchors`. `purpose` is OpenSSL's name of a purpose
    /// ("ssl_client"), or null for any. Throws std::bad_alloc, and std::logic_error for an unknown purpose.
    PathValidation(X509_STORE* anchors, const Certificate& subject, const std::vector<Certificate>& others,
                   const char* purpose, SystemTime now);

    /// For X509_verify_cert() and the functions that query its result.
    X509_STORE_CTX* get() const noexcept { return context_.get(); }

private:
    /// Frees only the stack; the certificates in it belong to others.
    struct StackFreer {
        void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
    };

    std::unique_ptr<STACK_OF(X509), StackFreer> others_;
    X509StoreCtxPtr context_;
};

}  // namespace postern::pki
