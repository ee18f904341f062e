// The key of a login: made in a file, in a TPM, or named on a token, as config.toml wants it; and what stands
// for it in the profile. Reading it back is PrivateKey::load().
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "pki/key.hpp"

namespace postern::client {

/// [key] of config.toml.
struct KeyPreferences {
    /// "file", "tpm2" or "pkcs11".
    std::string store = "file";
    // pkcs11
    std::string uri;
    std::filesystem::path module;
    std::filesystem::path pin_file;
};

struct NewLoginKey {
    pki::PrivateKey key;
    /// For login.key: the key itself, the key wrapped by the TPM, or where the token has it.
    Secret file;
};

/// A new key; for pkcs11 the one that is on the token.
Result<NewLoginKey> make_login_key(const KeyPreferences& wanted);

/// Where a key is, for people: "in a file", "in the TPM or on a token; it cannot be copied".
std::string_view place_of(const pki::PrivateKey& key);

}  // namespace postern::client
