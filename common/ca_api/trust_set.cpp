#include "ca_api/trust_set.hpp"

#include <algorithm>
#include <new>

#include <openssl/x509_vfy.h>

#include "pki/openssl.hpp"
#include "pki/path_validation.hpp"
#include "pki/validity.hpp"

namespace postern::ca_api {

namespace {

bool is_root(const pki::Certificate& certificate) {
    const pki::ErrorQueueScope errors;
    constexpr int kVerifySignature = 1;
    return certificate.is_ca() && X509_self_signed(certificate.get(), kVerifySignature) == 1;
}

bool is_held(const std::vector<pki::Certificate>& held, const pki::Certificate& certificate) {
    return std::any_of(held.begin(), held.end(), [&](const pki::Certificate& one) {
        return X509_cmp(one.get(), certificate.get()) == 0;
    });
}

/// Whether the chain respects the path length constraints. OpenSSL treats the first certificate of a chain as
/// a leaf, but here it is a CA itself and counts towards the path lengths of those above it.
bool fits_path_lengths(const STACK_OF(X509) * chain) {
    long below = 0;
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* const certificate = sk_X509_value(chain, i);
        const long allowed = X509_get_pathlen(certificate);
        if (i > 0 && allowed >= 0 && below > allowed) {
            return false;
        }
        below += (X509_get_extension_flags(certificate) & EXFLAG_SI) == 0 ? 1 : 0;
    }
    return true;
}

/// Verifies chains against one root.
class Judge {
public:
    Judge(const pki::Certificate& root, SystemTime now) : store_(X509_STORE_new()), now_(now) {
        if (!store_ || X509_STORE_add_cert(store_.get(), root.get()) != 1) {
            throw std::bad_alloc();
        }
    }

    /// Whether the certificate is a CA certificate and chains to the root through `vouched`, which were
    /// verified before. Unverified certificates are not used as issuers, so that a certificate with the same
    /// name cannot hide the right issuer.
    bool vouches_for(const pki::Certificate& certificate,
                     const std::vector<pki::Certificate>& vouched) const {
        const pki::ErrorQueueScope errors;
        if (!certificate.is_ca()) {
            return false;
        }
        const pki::PathValidation path(store_.get(), certificate, vouched, nullptr, now_);
        return X509_verify_cert(path.get()) == 1 && fits_path_lengths(X509_STORE_CTX_get0_chain(path.get()));
    }

private:
    pki::X509StorePtr store_;
    SystemTime now_;
};

}  // namespace

Result<pki::TrustBundle> trust_set(const std::vector<pki::Certificate>& offered, const Fingerprint& pin,
                                   SystemTime now) {
    const auto root = std::find_if(offered.begin(), offered.end(), [&](const pki::Certificate& certificate) {
        return Fingerprint::of(certificate) == pin && is_root(certificate);
    });
    if (root == offered.end()) {
        return Failure{Code::unknown_issuer, "no root of the server CA has the fingerprint " + pin.text()};
    }
    if (pki::is_too_early(root->not_before(), now)) {
        return Failure{Code::not_yet_valid, "the root " + root->subject() + " is not valid before " +
                                                format_time(root->not_before())};
    }
    if (pki::is_over(root->not_after(), now)) {
        return Failure{Code::expired,
                       "the root " + root->subject() + " expired on " + format_time(root->not_after())};
    }
    std::vector<pki::Certificate> vouched{*root};
    const Judge judge(*root, now);
    // Each round adds the certificates directly below those of the round before.
    for (std::size_t before = 0; before < vouched.size();) {
        before = vouched.size();
        for (const pki::Certificate& certificate : offered) {
            if (!is_held(vouched, certificate) && judge.vouches_for(certificate, vouched)) {
                vouched.push_back(certificate);
            }
        }
    }
    return pki::TrustBundle::from_pem(pki::to_pem(vouched));
}

std::optional<pki::Certificate> root_in(const std::vector<pki::Certificate>& offered) {
    const auto root = std::find_if(offered.begin(), offered.end(), is_root);
    return root == offered.end() ? std::nullopt : std::optional(*root);
}

}  // namespace postern::ca_api
