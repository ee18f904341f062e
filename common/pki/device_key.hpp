// Tells whether a private key can leave the device on which it was made.
#pragma once

#include "pki/key.hpp"

namespace postern::pki {

/// Whether the key signs in a TPM or on a token. It then cannot be exported: PrivateKey::to_pem() and save()
/// fail.
bool is_on_device(const PrivateKey& key) noexcept;

}  // namespace postern::pki
