#include "pki/path_validation.hpp"

#include <chrono>
#include <ctime>
#include <new>
#include <stdexcept>

#include <openssl/x509_vfy.h>

namespace postern::pki {

namespace {

/// OpenSSL's security level of 112 bits: SHA-2, RSA of 2048 bits, curves of 224 bits and above.
constexpr int kSecurityLevel = 2;

}  // namespace

PathValidation::PathValidation(X509_STORE* anchors, const Certificate& subject,
                               const std::vector<Certificate>& others, const char* purpose, SystemTime now)
    : others_(sk_X509_new_null()), context_(X509_STORE_CTX_new()) {
    if (!others_ || !context_) {
        throw std::bad_alloc();
    }
    for (const Certificate& other : others) {
        if (sk_X509_push(others_.get(), other.get()) <= 0) {
            throw std::bad_alloc();
        }
    }
    if (X509_STORE_CTX_init(context_.get(), anchors, subject.get(), others_.get()) != 1) {
        throw std::bad_alloc();
    }
    if (purpose != nullptr && X509_STORE_CTX_set_default(context_.get(), purpose) != 1) {
        throw std::logic_error("OpenSSL knows no such purpose of a certificate");
    }
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context_.get());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
    X509_VERIFY_PARAM_set_time(parameters, static_cast<std::time_t>(seconds.count()));
    X509_VERIFY_PARAM_set_depth(parameters, kMaximumDepth);
    X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
}

}  // namespace postern::pki
