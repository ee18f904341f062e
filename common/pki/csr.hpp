// PKCS#10 requests (RFC 2986). A CA takes the public key out of one and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/key.hpp"

namespace postern::pki {

/// A request for `key`, with CN `common_name` as a courtesy to readers.
Result<std::string> make_csr_pem(const PrivateKey& key, std::string_view common_name);

/// Checks the request's own signature and returns its key. Accepts ECDSA P-256 and P-384, RSA of 2048 to 4096
/// bits and Ed25519; Code::malformed_request otherwise, also over 16 KiB and for another version than 1
/// (which is written 0).
Result<PublicKey> public_key_from_csr(std::string_view pem);

}  // namespace postern::pki
