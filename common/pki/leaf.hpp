// What a leaf certificate must satisfy besides a verified chain. The same rule applies in handshakes and when
// chains are verified again.
#pragma once

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::pki {

/// Checks that the leaf's extendedKeyUsage is present and contains `purpose`, and that the leaf may sign
/// neither certificates nor CRLs: basicConstraints CA, keyCertSign and cRLSign are each refused. Fails with
/// Code::wrong_purpose. OpenSSL would accept a leaf without extendedKeyUsage, or one that is a CA, for any
/// purpose.
Result<void> check_leaf(const Certificate& leaf, Purpose purpose);

}  // namespace postern::pki
