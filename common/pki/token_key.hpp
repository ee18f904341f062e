// Keys on a PKCS#11 token (smart card, YubiKey, HSM), used through OpenSSL's engine pkcs11 (Debian:
// libengine-pkcs11-openssl). The key is created on the token beforehand and never leaves it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// The location of a key, which a file names instead of containing the key:
///
///     -----BEGIN POSTERN TOKEN KEY-----
///     uri: pkcs11:token=alice;object=login
///     module: /usr/lib/softhsm/libsofthsm2.so
///     pin-file: /home/alice/.config/postern/pin
///     -----END POSTERN TOKEN KEY-----
struct TokenKeyPlace {
    /// The key's URI (RFC 7512): "pkcs11:token=…;object=…". A PIN in it is refused, because URIs are shown
    /// and logged.
    std::string uri;
    /// The token's PKCS#11 module; empty for that of p11-kit, which knows all configured modules.
    std::filesystem::path module;
    /// A private file (check_private()) whose first line is the PIN; empty for a token without a PIN.
    std::filesystem::path pin_file;
};

/// The PEM label of such a file.
inline constexpr std::string_view kTokenKeyLabel = "POSTERN TOKEN KEY";
/// Formats the file. Fails with Code::config_invalid when a value contains a line break.
Result<std::string> to_pem(const TokenKeyPlace& place);
/// Parses the file. Fails with Code::config_invalid.
Result<TokenKeyPlace> token_key_place_from_pem(std::string_view pem);

/// Opens the key, which signs on the token; for PrivateKey::from_pem(). Never prompts. A process opens each
/// URI once, and can use one module only. A PIN that the token refused is not tried again, because tokens
/// lock themselves. Fails with Code::config_invalid or Code::unavailable. Thread-safe.
Result<EvpKeyPtr> open_token_key(const TokenKeyPlace& place);

}  // namespace postern::pki
