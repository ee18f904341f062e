// Login keys in a TPM 2.0, through OpenSSL's provider tpm2 (Debian: tpm2-openssl): made there, wrapped by it,
// and of no use anywhere else. Which TPM: TPM2OPENSSL_TCTI, else the machine's own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// What begins the PEM of such a key.
inline constexpr std::string_view kTpmKeyLabel = "TSS2 PRIVATE KEY";

/// Makes a P-256 key and returns it wrapped, as PEM. Code::unavailable when there is no TPM or no provider.
Result<std::string> make_tpm_key_pem();

/// The key of such a PEM, which signs in the TPM: one signature at a time, some tens of milliseconds each on
/// hardware. Code::unavailable as above, or when another TPM made it. For PrivateKey::from_pem().
Result<EvpKeyPtr> open_tpm_key(std::string_view pem);

}  // namespace postern::pki
