// The entries of a CRL in a compact form: 100,000 of them are one block of memory, which is parsed in
// milliseconds and freed at once. Entries with an unknown meaning are refused.
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

/// The revoked serials with their reasons. Immutable once parsed, and then thread-safe.
class RevokedSerials {
public:
    /// Parses the content of revokedCertificates (RFC 5280, section 5.1.2.6). Fails with
    /// Code::malformed_certificate when an entry is not DER, belongs to another issuer, has the reason
    /// removeFromCRL, or has an unknown critical extension. Of two entries for one serial the first counts.
    static Result<RevokedSerials> parse(std::string_view entries);

    /// The reason for a serial in lower-case hex, as from Certificate::serial(); leading zeros are ignored.
    /// Empty if it is not revoked.
    std::optional<RevocationReason> find(std::string_view serial) const;
    std::size_t size() const noexcept { return entries_.size() + odd_.size(); }

    /// Returns the entries of both. If both contain a serial, the reason of `first` counts.
    static RevokedSerials merged(const RevokedSerials& first, const RevokedSerials& second);

private:
    /// Big-endian, with leading zeros.
    using Serial = std::array<unsigned char, 20>;
    /// A serial and its reason code.
    struct Entry {
        Serial serial{};
        std::uint8_t reason = 0;
    };

    /// Adds one entry, whose content is `entry`.
    Result<void> take(std::string_view entry);
    /// Sorts the entries and removes duplicates.
    void put_in_order();

    /// Sorted by serial.
    std::vector<Entry> entries_;
    /// The reasons of serials that are negative or have more than 20 bytes, by their text. No CA may issue
    /// such serials, but some do.
    std::map<std::string, RevocationReason, std::less<>> odd_;
};

}  // namespace postern::pki
