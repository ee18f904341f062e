// Certificate files that a connecting command was told to use, as a LoginSource.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/login_source.hpp"

namespace postern::client {

/// Which certificate files to show instead of the profile's login.
struct LoginChoice {
    std::string certificate;
    std::string key;
    /// Instead of what the profile says: for machines on which nobody logs in.
    std::string server_ca;
    std::string trust_domain;
    /// NAME=HOST:PORT
    std::vector<std::string> gateways;

    bool has_files() const noexcept { return !certificate.empty() || !key.empty(); }
};

/// Of the files.
Outcome<std::shared_ptr<LoginSource>> open_login(const LoginChoice& choice, const ProfileFolder& folder);

}  // namespace postern::client
