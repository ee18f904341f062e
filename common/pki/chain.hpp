// The certificates of a file in the order in which TLS wants them.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"

namespace postern::pki {

/// The certificate of the key first, then the one that signed it, and so on (RFC 8446, section 4.4.2),
/// whatever the order in the file; what signed none of these stands behind them, and none stands there twice.
/// Code::malformed_certificate when none is the key's, with what there is.
Result<std::vector<Certificate>> chain_of_key(const PrivateKey& key,
                                              const std::vector<Certificate>& certificates);

}  // namespace postern::pki
