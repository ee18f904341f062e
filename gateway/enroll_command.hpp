// `postern-gateway enroll`: first contact with the CA, pinned by its fingerprint, and the gateway's
// certificate for a one-time token.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::gateway {

struct Enrolment {
    std::filesystem::path config;
    /// Empty: [ca] url of the configuration.
    std::string ca_url;
    /// Of the server root, as `postern-ca fingerprint` prints it; read by ca_api::Fingerprint.
    std::string fingerprint;
    Secret token;
};

/// Makes a key, redeems the token, and writes certificate, key, user_ca and server_ca to the paths of the
/// configuration. Nothing is written unless everything came. Blocking.
Result<void> enroll(const Enrolment& enrolment);

}  // namespace postern::gateway
