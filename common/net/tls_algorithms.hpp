// OpenSSL library contexts that contain only the parts of the default provider that TLS needs. Whenever
// OpenSSL 3.0 parses a certificate, it searches every decoder and every key type that it knows for one that
// fits the public key, which takes four tenths of a handshake. The algorithms themselves are those of the
// default provider.
#pragma once

#include <openssl/types.h>

namespace postern::net {

// Each context is created once and lives as long as the process. Null, which stands for the default context
// (slower, otherwise equal), when OpenSSL cannot create it. Thread-safe.

/// The context for SSL_CTX_new_ex(). It does not decode the public keys of certificates: those of the peer
/// are decoded with certificate_algorithms(), and only if they were not seen before.
OSSL_LIB_CTX* handshake_algorithms() noexcept;

/// The context for X509_new_ex(). It decodes only the kinds of public keys that certificates may have.
OSSL_LIB_CTX* certificate_algorithms() noexcept;

}  // namespace postern::net
