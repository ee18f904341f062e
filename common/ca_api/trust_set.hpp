// Selects what a pinned root confirms from certificates that anybody may have sent. Nothing else decides whom
// the first contact trusts.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca_api/fingerprint.hpp"
#include "pki/certificate.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca_api {

/// Returns the pinned root and those of `offered` that are CA certificates and chain to it at `now`, by
/// signature, validity, basicConstraints, keyUsage and path length (RFC 5280, section 6.1). Names alone
/// decide nothing. All other certificates are ignored. Fails with Code::unknown_issuer when no root has the
/// fingerprint, and with Code::expired or Code::not_yet_valid when that root is not valid at `now`.
Result<pki::TrustBundle> trust_set(const std::vector<pki::Certificate>& offered, const Fingerprint& pin,
                                   SystemTime now);

/// The first self-signed CA certificate in `offered`, whose fingerprint a person is shown for comparison.
std::optional<pki::Certificate> root_in(const std::vector<pki::Certificate>& offered);

}  // namespace postern::ca_api
