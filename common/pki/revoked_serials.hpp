// What a CRL's entries say, in a form that costs little: 100,000 of them are one piece of memory, read in
// milliseconds and freed at once. Refuses entries whose meaning it does not know.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pki/revocation_reason.hpp"

namespace postern::pki {

/// Immutable once parsed; safe to read from several threads.
class RevokedSerials {
public:
    /// `entries`: the content of revokedCertificates (RFC 5280, section 5.1.2.6). Code::malformed_certificate
    /// when one of them is not DER, of another issuer, of a delta, or has a critical extension that is not
    /// known. Of two entries for one serial the first counts.
    static Result<RevokedSerials> parse(std::string_view entries);

    /// Of a serial in lower-case hex, as Certificate::serial; leading zeros do not matter.
    std::optional<RevocationReason> find(std::string_view serial) const;
    std::size_t size() const noexcept { return entries_.size() + odd_.size(); }

    /// Of both. Where both name a serial, the reason of `first` counts.
    static RevokedSerials merged(const RevokedSerials& first, const RevokedSerials& second);

private:
    /// Big end first, zeros in front.
    using Serial = std::array<unsigned char, 20>;
    struct Entry {
        Serial serial{};
        std::uint8_t reason = 0;
    };

    Result<void> take(std::string_view entry);
    void put_in_order();

    /// Sorted by serial.
    std::vector<Entry> entries_;
    /// Negative, or of more than 20 bytes: no CA may issue such serials, and some have. By text.
    std::map<std::string, RevocationReason, std::less<>> odd_;
};

}  // namespace postern::pki
