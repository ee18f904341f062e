// A LoginSource of certificate files that a connecting command was told to use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/login_source.hpp"

namespace postern::client {

/// The certificate files to use instead of the profile's login.
struct LoginChoice {
    std::string certificate;
    std::string key;
    /// These replace what the profile says, for machines on which nobody logs in.
    std::string server_ca;
    std::string trust_domain;
    /// Each has the form NAME=HOST:PORT.
    std::vector<std::string> gateways;

    bool has_files() const noexcept { return !certificate.empty() || !key.empty(); }
};

/// Reads the files of the choice. Errors: Code::config_invalid for a missing or damaged file, a key that does
/// not belong to the certificate, or an unknown trust domain.
Outcome<std::shared_ptr<LoginSource>> open_login(const LoginChoice& choice, const ProfileFolder& folder);

}  // namespace postern::client
