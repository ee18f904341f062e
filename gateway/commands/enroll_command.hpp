// `postern-gateway enroll`: contacts the CA for the first time, verifies it by its fingerprint, and gets the
// gateway's certificate for a one-time token.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "ca_api/fingerprint.hpp"
#include "http/https_url.hpp"

namespace postern::gateway {

/// The parameters of an enrolment.
struct Enrolment {
    std::filesystem::path config;
    /// The CA's address; when empty, [ca] url of the configuration.
    std::optional<http::HttpsUrl> ca_url;
    /// The fingerprint of the root certificate that the CA's server certificate chains to.
    ca_api::Fingerprint fingerprint;
    Secret token;
};

/// Generates a key, redeems the token, and writes the certificate, the key, user_ca and server_ca to the
/// paths of the configuration. Nothing is written unless all of them were received and fit the configuration.
/// When it fails before the CA was asked, the token is not used up. Blocking.
Result<void> enroll(const Enrolment& enrolment);

}  // namespace postern::gateway
