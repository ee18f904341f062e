// PKCS#10 certificate requests (RFC 2986). A CA uses the public key of a request and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/key.hpp"

namespace postern::pki {

/// Makes a request for `key`. The CN `common_name` is only informative. Fails with Code::internal.
Result<std::string> make_csr_pem(const PrivateKey& key, std::string_view common_name);

/// Verifies the request's own signature and returns its key. Accepts ECDSA P-256 and P-384, RSA of 2048 to
/// 4096 bits with the exponent 65537, and Ed25519. Fails with Code::malformed_request for anything else, also
/// for more than 16 KiB and for a version other than 1 (which is encoded as 0).
Result<PublicKey> public_key_from_csr(std::string_view pem);

}  // namespace postern::pki
