// What the certificate at the end of a chain must be besides well signed: the one rule for handshakes and for
// chains that are judged again.
#pragma once

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::pki {

/// Code::wrong_purpose unless its extendedKeyUsage is present and names `purpose`, and it may sign neither
/// certificates nor CRLs: basicConstraints CA, keyCertSign and cRLSign are refused each by itself. OpenSSL
/// lets a leaf without extendedKeyUsage, or one that is a CA, pass for any purpose.
Result<void> check_leaf(const Certificate& leaf, Purpose purpose);

}  // namespace postern::pki
