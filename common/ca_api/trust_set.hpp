// What a pinned root vouches for, out of certificates that anybody may have sent: the one place that decides
// whom first contact believes.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca_api/fingerprint.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca_api {

/// The pinned root, and those of `offered` that are certificates of CAs and chain to it at `now`: by
/// signature, validity, basicConstraints, keyUsage and path length (RFC 5280, section 6.1). Names decide
/// nothing. All else of `offered` is left out, whatever it is, and changes nothing.
/// Code::unknown_issuer when no root has that fingerprint; Code::expired or Code::not_yet_valid when it is
/// not valid at `now`.
Result<pki::TrustBundle> trust_set(const std::vector<pki::Certificate>& offered, const Fingerprint& pin,
                                   SystemTime now);

/// The first of `offered` that is a CA and bears its own signature: what a person is shown to compare.
std::optional<pki::Certificate> root_in(const std::vector<pki::Certificate>& offered);

}  // namespace postern::ca_api
