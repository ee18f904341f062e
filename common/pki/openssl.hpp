// Owning pointers for OpenSSL objects, and OpenSSL's error queue as a Failure. Every file that calls OpenSSL
// uses these.
#pragma once

#include <memory>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/result.hpp"

namespace postern::pki {

/// A deleter for std::unique_ptr that calls the OpenSSL function `Free`.
template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using EvpKeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using EvpKeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using EvpMdCtxPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;

/// Clears this thread's OpenSSL error queue at the beginning and the end of a scope: errors that an earlier
/// call left must not be reported as the reason here, and errors left here must not be taken for those of a
/// later SSL_read().
class ErrorQueueScope {
public:
    ErrorQueueScope() noexcept;
    ErrorQueueScope(const ErrorQueueScope&) = delete;
    ErrorQueueScope& operator=(const ErrorQueueScope&) = delete;
    ~ErrorQueueScope();
};

/// Moves this thread's OpenSSL error queue into one Failure: "what: reason; reason".
Failure openssl_failure(Code code, std::string_view what);

/// Returns a BIO that reads `bytes`, which must outlive it. Throws std::bad_alloc, and std::length_error
/// beyond INT_MAX bytes.
BioPtr read_only_bio(std::string_view bytes);

}  // namespace postern::pki
