// Whether a private key can leave the device that it was made in.
#pragma once

#include "pki/key.hpp"

namespace postern::pki {

/// Whether the key signs in a TPM or on a token, so that there is nothing to write down: PrivateKey::to_pem()
/// and save() refuse.
bool is_on_device(const PrivateKey& key) noexcept;

}  // namespace postern::pki
