// Puts the certificates of a file into the order that TLS requires.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"

namespace postern::pki {

/// Returns the certificate of `key` first, then the one that signed it, and so on (RFC 8446, section 4.4.2),
/// whatever their order in the file. Certificates that do not belong to this chain follow at the end, and
/// duplicates are dropped. Fails with Code::malformed_certificate, naming the first certificate, when none
/// belongs to the key.
Result<std::vector<Certificate>> chain_of_key(const PrivateKey& key,
                                              const std::vector<Certificate>& certificates);

}  // namespace postern::pki
