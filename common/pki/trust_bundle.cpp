#include "pki/trust_bundle.hpp"

#include <openssl/x509_vfy.h>

#include "base/file.hpp"
#include "pki/leaf.hpp"
#include "pki/path_validation.hpp"

namespace postern::pki {

namespace {

bool is_self_signed(const Certificate& certificate) {
    return (X509_get_extension_flags(certificate.get()) & EXFLAG_SS) != 0;
}

}  // namespace

Code code_of_verify_error(int x509_v_err) noexcept {
    switch (x509_v_err) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return Code::expired;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return Code::not_yet_valid;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return Code::self_signed;
        // There is no chain to a root of the bundle: the issuer is unknown, or is known by name but has
        // another key, or is not a CA.
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_INVALID_NON_CA:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
        case X509_V_ERR_AKID_SKID_MISMATCH:
        case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
        case X509_V_ERR_CERT_UNTRUSTED:
            return Code::unknown_issuer;
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_CERT_REJECTED:
        case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE:
            return Code::wrong_purpose;
        case X509_V_ERR_CERT_REVOKED:
            return Code::revoked;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return Code::crl_stale;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
        case X509_V_ERR_EMAIL_MISMATCH:
            return Code::wrong_server_identity;
        case X509_V_OK:
        case X509_V_ERR_UNSPECIFIED:
        case X509_V_ERR_OUT_OF_MEM:
        case X509_V_ERR_INVALID_CALL:
        case X509_V_ERR_STORE_LOOKUP:
            return Code::internal;
        default:
            return Code::malformed_certificate;
    }
}

Result<TrustBundle> TrustBundle::from_pem(std::string_view pem) {
    const auto refuse = [](std::string_view why) {
        return Failure{Code::malformed_certificate, "trust bundle: " + std::string(why)};
    };
    Result<std::vector<Certificate>> certificates = certificates_from_pem(pem);
    if (!certificates) {
        return with_context("trust bundle", certificates.error());
    }
    TrustBundle bundle;
    bundle.certificates_ = std::move(*certificates);
    const ErrorQueueScope errors;
    X509StorePtr store(X509_STORE_new());
    if (!store) {
        throw std::bad_alloc();
    }
    bool has_root = false;
    for (const Certificate& certificate : bundle.certificates_) {
        if (!certificate.is_ca()) {
            return refuse(certificate.subject() + " is not a certificate of a CA");
        }
        has_root = has_root || is_self_signed(certificate);
        if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
            return openssl_failure(Code::malformed_certificate, "trust bundle");
        }
    }
    if (!has_root) {
        return refuse("it holds no root, only certificates that somebody else signed");
    }
    bundle.store_ = std::shared_ptr<X509_STORE>(std::move(store));
    return bundle;
}

Result<TrustBundle> TrustBundle::load(const std::filesystem::path& path) {
    const Result<std::string> pem = read_file(path);
    if (!pem) {
        return pem.error();
    }
    Result<TrustBundle> bundle = from_pem(*pem);
    if (!bundle) {
        return with_context(path.string(), bundle.error());
    }
    return bundle;
}

Result<void> TrustBundle::verify(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                                 Purpose purpose, SystemTime now) const {
    if (intermediates.size() > kMaximumDepth) {
        return Failure{Code::malformed_certificate, "more than 8 certificates behind the leaf"};
    }
    const ErrorQueueScope errors;
    const PathValidation path(store_.get(), leaf, intermediates,
                              purpose == Purpose::client_auth ? "ssl_client" : "ssl_server", now);
    if (X509_verify_cert(path.get()) != 1) {
        const int error = X509_STORE_CTX_get_error(path.get());
        const std::string where =
            leaf.subject() + " at depth " + std::to_string(X509_STORE_CTX_get_error_depth(path.get()));
        return Failure{code_of_verify_error(error), where + ": " + X509_verify_cert_error_string(error)};
    }
    return check_leaf(leaf, purpose);
}

std::string TrustBundle::pem() const {
    return to_pem(certificates_);
}

Result<Certificate> TrustBundle::issuer_of(const Certificate& certificate) const {
    for (const Certificate& candidate : certificates_) {
        const ErrorQueueScope errors;
        const bool is_issuer = X509_check_issued(candidate.get(), certificate.get()) == X509_V_OK &&
                               X509_verify(certificate.get(), X509_get0_pubkey(candidate.get())) == 1;
        if (is_issuer) {
            return candidate;
        }
    }
    return Failure{Code::unknown_issuer, "the bundle does not hold the issuer of " + certificate.subject()};
}

}  // namespace postern::pki
