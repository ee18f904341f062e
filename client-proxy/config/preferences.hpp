// $XDG_CONFIG_HOME/postern/config.toml: what an administrator may put on every desktop, so that `postern
// login` needs no arguments. Optional; options on the command line go before it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "client-proxy/config/warm_options.hpp"

namespace postern::client {

/// [key] of config.toml: where the key of a login is made.
struct KeyPreferences {
    /// "file", "keyring", "tpm2" or "pkcs11".
    std::string store = "file";
    // pkcs11
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
    /// "http://user:password@host:port", or "none". Whoever may read the file learns the password: it must be
    /// private then.
    Secret proxy;
    std::string no_proxy;
    // [agent]
    std::vector<std::string> unsafe_listen;
    std::vector<std::string> allow_programs;
    WarmOptions warm;

    /// Where the file is, or would be; empty without a home.
    static std::filesystem::path default_file();
    /// Empty ones when there is no file. Code::config_invalid with every problem of the file.
    static Result<Preferences> load();
    static Result<Preferences> load(const std::filesystem::path& file);
};

}  // namespace postern::client
