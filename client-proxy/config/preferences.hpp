// The settings of $XDG_CONFIG_HOME/postern/config.toml, which an administrator may put on every desktop so
// that `postern login` needs no arguments. The file is optional, and options on the command line take
// precedence.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "client-proxy/config/warm_options.hpp"

namespace postern::client {

/// [key] of config.toml: where the key of a new login is created or found.
struct KeyPreferences {
    /// "file", "keyring", "tpm2" or "pkcs11".
    std::string store = "file";
    // Only for store = "pkcs11":
    std::string uri;
    std::filesystem::path module;
    std::filesystem::path pin_file;
};

struct Preferences {
    // [ca]
    std::string ca_url;
    std::string fingerprint;
    // [login]
    std::string user;
    // [key]
    KeyPreferences key;
    // [network]
    /// "http://user:password@host:port", or "none". When it contains a password, the file must be private,
    /// because everybody who can read it learns the password.
    Secret proxy;
    std::string no_proxy;
    // [agent]
    std::vector<std::string> unsafe_listen;
    std::vector<std::string> allow_programs;
    WarmOptions warm;

    /// The path of the file, whether it exists or not; empty when the user has no home.
    static std::filesystem::path default_file();
    /// Returns the defaults when there is no file. Errors: Code::config_invalid, whose detail names every
    /// problem in the file; also when the file contains the proxy's password and is not private.
    static Result<Preferences> load();
    static Result<Preferences> load(const std::filesystem::path& file);
};

}  // namespace postern::client
