// Keys on a PKCS#11 token (smart card, YubiKey, HSM), through OpenSSL's engine pkcs11 (Debian:
// libengine-pkcs11-openssl). The key is made there beforehand and never leaves it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// Where a key is, as a file says it that stands in the key's place:
///
///     -----BEGIN POSTERN TOKEN KEY-----
///     uri: pkcs11:token=alice;object=login
///     module: /usr/lib/softhsm/libsofthsm2.so
///     pin-file: /home/alice/.config/postern/pin
///     -----END POSTERN TOKEN KEY-----
struct TokenKeyPlace {
    /// RFC 7512: "pkcs11:token=…;object=…". A PIN in it is refused: addresses are shown and logged.
    std::string uri;
    /// The token's PKCS#11 module; empty: p11-kit's, which knows all that are configured.
    std::filesystem::path module;
    /// The first line of this file, which must be private; empty: a token without a PIN.
    std::filesystem::path pin_file;
};

inline constexpr std::string_view kTokenKeyLabel = "POSTERN TOKEN KEY";
/// Code::config_invalid when a line of it holds a line break.
Result<std::string> to_pem(const TokenKeyPlace& place);
Result<TokenKeyPlace> token_key_place_from_pem(std::string_view pem);

/// The key, which signs on the token. Never prompts. Read once in a process for each place; a PIN that the
/// token refused is not tried again, since tokens lock themselves. One module a process. Code::config_invalid
/// or Code::unavailable. For PrivateKey::from_pem().
Result<EvpKeyPtr> open_token_key(const TokenKeyPlace& place);

}  // namespace postern::pki
