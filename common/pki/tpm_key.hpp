// Login keys in a TPM 2.0, used through OpenSSL's provider tpm2 (Debian: tpm2-openssl). The TPM creates and
// wraps the key, which cannot be used anywhere else. TPM2OPENSSL_TCTI selects the TPM; without it, it is the
// machine's own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// The PEM label of such a key.
inline constexpr std::string_view kTpmKeyLabel = "TSS2 PRIVATE KEY";

/// Makes a P-256 key and returns it wrapped, as PEM. Fails with Code::unavailable when there is no TPM or no
/// provider. Thread-safe.
Result<std::string> make_tpm_key_pem();

/// Opens a wrapped key, which signs in the TPM: one signature at a time, each some tens of milliseconds on
/// hardware; for PrivateKey::from_pem(). Fails with Code::unavailable when there is no TPM or no provider, or
/// when another TPM made the key. Thread-safe.
Result<EvpKeyPtr> open_tpm_key(std::string_view pem);

}  // namespace postern::pki
