// Puts a CRL together and signs it (RFC 5280, section 5).
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

struct RevokedSerial {
    std::string serial;
    SystemTime revoked_at;
    RevocationReason reason = RevocationReason::unspecified;
};

struct CrlProfile {
    /// Grows with every CRL (section 5.2.3).
    std::uint64_t number = 0;
    SystemTime this_update;
    SystemTime next_update;
    /// Makes it a delta (section 5.2.4): its entries are what came since the list of this number.
    std::optional<std::uint64_t> base{};
};

/// A version 2 CRL in DER, its entries in the order of their serials. 100,000 of them take about a tenth of a
/// second. Code::malformed_request when it would end before it begins, or for a serial of another form than 2
/// to 40 hexadecimal digits.
Result<std::string> build_crl(const PrivateKey& key, const Certificate& issuer, const CrlProfile& profile,
                              const std::vector<RevokedSerial>& revoked);

}  // namespace postern::pki
