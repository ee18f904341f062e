// `postern-gateway enroll`: first contact with the CA, pinned by its fingerprint, and the gateway's
// certificate for a one-time token.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "ca_api/fingerprint.hpp"
#include "http/https_url.hpp"

namespace postern::gateway {

struct Enrolment {
    std::filesystem::path config;
    /// Nothing: [ca] url of the configuration.
    std::optional<http::HttpsUrl> ca_url;
    /// Of the server root.
    ca_api::Fingerprint fingerprint;
    Secret token;
};

/// Makes a key, redeems the token, and writes certificate, key, user_ca and server_ca to the paths of the
/// configuration. Nothing is written unless everything came. Blocking.
Result<void> enroll(const Enrolment& enrolment);

}  // namespace postern::gateway
