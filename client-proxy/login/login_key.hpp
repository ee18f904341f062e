// The key of a login: made in a file, in the desktop's keyring, in a TPM, or named on a token, as config.toml
// wants it; and what stands for it in the profile.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/config/profile.hpp"
#include "pki/key.hpp"

namespace postern::client {

struct NewLoginKey {
    pki::PrivateKey key;
    /// For login.key: the key itself, its name in the keyring, the key wrapped by the TPM, or where the token
    /// has it.
    Secret file;
};

/// A new key; for pkcs11 the one that is on the token. One in the keyring is there from now on:
/// forget_login_key() for a login that came to nothing.
Result<NewLoginKey> make_login_key(const KeyPreferences& wanted, const std::string& user);

/// The profile's key, from wherever it is. Code::not_found without one; Code::unavailable when what keeps it
/// is not there.
Result<pki::PrivateKey> load_login_key(const ProfileFolder& folder);

/// Removes what `file` (the content of a login.key) names from the keyring; nothing to do for other keys.
void forget_login_key(std::string_view file);
/// The profile's, with its file.
void forget_login_key(const ProfileFolder& folder);

/// Whether login.key is a key that other programs can read too.
bool has_key_file(const ProfileFolder& folder);
/// For people: the file, or what else keeps it.
std::string place_of_key(const ProfileFolder& folder);

}  // namespace postern::client
