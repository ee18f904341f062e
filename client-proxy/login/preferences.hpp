// $XDG_CONFIG_HOME/postern/config.toml: what an administrator may put on every desktop, so that `postern
// login` needs no arguments. Optional; options on the command line go before it.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace postern::client {

struct Preferences {
    // [ca]
    std::string ca_url;
    std::string fingerprint;
    // [login]
    std::string user;

    /// Empty ones when there is no file. Code::config_invalid with every problem of the file.
    static Result<Preferences> load();
    static Result<Preferences> load(const std::filesystem::path& file);
};

}  // namespace postern::client
