// The parts of OpenSSL's default provider that TLS needs, as library contexts of their own. Whenever
// OpenSSL 3.0 reads a certificate it looks through every decoder and every kind of key that it knows for one
// that fits the public key: four tenths of a handshake. The algorithms are the default provider's own.
#pragma once

#include <openssl/types.h>

namespace postern::net {

// Each is made once and lives as long as the process; null (the default context, slower and otherwise the
// same) when OpenSSL does not make it. Thread-safe.

/// For SSL_CTX_new_ex(). Reads no public key of a certificate: the peer's are read by
/// certificate_algorithms(), and only when they were not seen before.
OSSL_LIB_CTX* handshake_algorithms() noexcept;

/// For X509_new_ex(): reads the public keys that certificates may have, and no others.
OSSL_LIB_CTX* certificate_algorithms() noexcept;

}  // namespace postern::net
