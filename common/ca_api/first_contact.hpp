// GET /v1/trust, which everybody begins with: read once, and before anything is believed of it.
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

/// The authorities of a CA service that has proven who it is.
struct Trust {
    std::string trust_domain;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
};
/// Code::malformed_request when something is missing or is not of its form.
Result<Trust> trust_from_json(std::string_view text);

/// What a server says of itself before it has proven anything: nobody's word until a fingerprint vouches for
/// it.
struct ClaimedTrust {
    std::string trust_domain;
    std::vector<pki::Certificate> server_ca;
};
/// At most 64 certificates. Code::malformed_request.
Result<ClaimedTrust> claimed_trust_from_json(std::string_view text);

/// Of the answer: 64 certificates, twice, with room.
constexpr std::size_t kLongestTrust = 1U << 20;

/// Asks the server of `options`, which bear neither trust nor credentials. Code::config_invalid for an
/// address that is none, transport failures (http::Client), Code::unavailable or Code::malformed_request for
/// another answer, Code::request_too_large for one that is longer. Blocking.
Result<ClaimedTrust> ask_for_trust(http::ClientOptions options);

/// The same options with the trust that the pin vouches for (trust_set()), for a client that verifies.
Result<http::ClientOptions> pinned(http::ClientOptions options, const ClaimedTrust& claimed,
                                   const Fingerprint& pin, SystemTime now);

/// First contact: ask_for_trust(), pinned(), and a client whose server has to prove itself at its next
/// connection. Blocking.
Result<http::Client> first_contact(const http::ClientOptions& options, const Fingerprint& pin,
                                   SystemTime now);

}  // namespace postern::ca_api
