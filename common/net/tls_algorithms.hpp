// The part of OpenSSL's default provider that TLS needs, as a library context of its own. Whenever OpenSSL 3.0 reads a
// certificate it looks through every decoder and every kind of key that it knows for one that fits the public key: four tenths
// of a handshake. Here there are only those that certificates may have. The algorithms are the default provider's own.
#pragma once

#include <openssl/types.h>

namespace postern::net {

/// For SSL_CTX_new_ex(). Made once, lives as long as the process; null (the default context, slower and otherwise the same)
/// when OpenSSL does not make it. Thread-safe.
OSSL_LIB_CTX* tls_algorithms() noexcept;

}  // namespace postern::net
