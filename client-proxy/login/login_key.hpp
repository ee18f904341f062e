// The key of a login. According to config.toml it is created in a file, in the desktop's keyring or in a TPM,
// or it is an existing key on a token. login.key in the profile holds the key or a reference to it.
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
    /// The content of login.key: the key itself, its id in the keyring, the key wrapped by the TPM, or its
    /// place on the token.
    Secret file;
};

/// Creates a key, or opens the one on the token for pkcs11. A key in the keyring is stored there at once;
/// when the login fails, the caller removes it with forget_login_key(). It blocks.
Result<NewLoginKey> make_login_key(const KeyPreferences& wanted, const std::string& user);

/// Loads the profile's key from wherever it is kept. It blocks. Errors: Code::not_found when there is none;
/// Code::unavailable when the keyring or the token is not available.
Result<pki::PrivateKey> load_login_key(const ProfileFolder& folder);

/// Removes the key from the keyring to which `file`, the content of a login.key, refers. It does nothing for
/// other keys.
void forget_login_key(std::string_view file);
/// Removes the profile's key and login.key.
void forget_login_key(const ProfileFolder& folder);

/// Whether login.key is a key file that other programs can read too.
bool has_key_file(const ProfileFolder& folder);
/// Describes for people where the key is kept.
std::string place_of_key(const ProfileFolder& folder);

}  // namespace postern::client
