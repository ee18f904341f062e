// GET /v1/trust, a client's first request to a CA service: fetches the CA certificates and verifies them by a
// fingerprint before they are trusted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca_api/fingerprint.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca_api {

/// The trust roots of a CA service that has authenticated.
struct Trust {
    std::string trust_domain;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
};
/// Parses the answer of an authenticated CA service. Fails with Code::malformed_request when something is
/// missing or malformed.
Result<Trust> trust_from_json(std::string_view text);

/// What an unauthenticated server claims. It must not be trusted until a fingerprint confirms it.
struct ClaimedTrust {
    std::string trust_domain;
    std::vector<pki::Certificate> server_ca;
};
/// Parses the answer of an unauthenticated server, with at most 64 certificates. Fails with
/// Code::malformed_request.
Result<ClaimedTrust> claimed_trust_from_json(std::string_view text);

/// The most bytes of the answer: enough for twice 64 certificates.
constexpr std::size_t kLongestTrust = 1U << 20;

/// Requests the trust of the server in `options`, which contain neither trust roots nor credentials. Fails
/// with Code::config_invalid for an invalid URL, as http::Client does for network failures, with
/// Code::unavailable for HTTP status 500 and above, with Code::malformed_request for other unexpected
/// answers, and with Code::request_too_large. Blocks.
Result<ClaimedTrust> ask_for_trust(http::ClientOptions options);

/// Returns `options` with the trust roots that `pin` confirms, for a client that verifies its server. Fails
/// as trust_set() does.
Result<http::ClientOptions> pinned(http::ClientOptions options, const ClaimedTrust& claimed,
                                   const Fingerprint& pin, SystemTime now);

/// Performs the first contact: ask_for_trust(), pinned(), and a client that verifies the server on its next
/// connection. Fails as these do. Blocks.
Result<http::Client> first_contact(const http::ClientOptions& options, const Fingerprint& pin,
                                   SystemTime now);

}  // namespace postern::ca_api
