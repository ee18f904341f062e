#include "pki/leaf.hpp"

#include <cstdint>
#include <string>

namespace postern::pki {

namespace {

bool names_purpose(X509* leaf, Purpose purpose) {
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0) {
        return false;
    }
    const std::uint32_t wanted = purpose == Purpose::client_auth ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
    return (X509_get_extended_key_usage(leaf) & wanted) != 0;
}

/// Whether the certificate is that of a CA in any respect. X509_check_ca() alone overlooks a CA without
/// keyCertSign, and keyCertSign without CA.
bool is_authority(X509* leaf) {
    const std::uint32_t flags = X509_get_extension_flags(leaf);
    const bool may_sign =
        (flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(leaf) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0;
    return (flags & EXFLAG_CA) != 0 || may_sign || X509_check_ca(leaf) != 0;
}

}  // namespace

Result<void> check_leaf(const Certificate& leaf, Purpose purpose) {
    const ErrorQueueScope errors;
    if (!names_purpose(leaf.get(), purpose)) {
        return Failure{Code::wrong_purpose,
                       leaf.subject() + ": its extendedKeyUsage does not name " +
                           (purpose == Purpose::client_auth ? "clientAuth" : "serverAuth")};
    }
    if (is_authority(leaf.get())) {
        return Failure{Code::wrong_purpose, leaf.subject() + " is a certificate of a CA"};
    }
    return {};
}

}  // namespace postern::pki
