#include "pki/revoked_serials.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

#include "pki/asn1.hpp"
#include "pki/der.hpp"

namespace postern::pki {

namespace {

constexpr std::string_view kReasonCode = "\x55\x1d\x15";
constexpr std::string_view kInvalidityDate = "\x55\x1d\x18";
constexpr std::string_view kCertificateIssuer = "\x55\x1d\x1d";
/// The size of most entries, and their least: a SEQUENCE of a serial of 16 bytes, a UTCTime and a reason.
constexpr std::size_t kUsualEntryBytes = 49;

Failure refuse_entry(std::string_view why) {
    return Failure{Code::malformed_certificate, "CRL: " + std::string(why)};
}

/// Reads the reason from the octets of its extension. Reasons that Postern's CA never uses count as
/// unspecified.
Result<RevocationReason> read_reason(std::string_view octets) {
    DerReader reader(octets);
    const auto reason = reader.next(der::kEnumerated);
    if (!reason || !reader.is_at_end() || reason->content.size() != 1) {
        return refuse_entry("entry with an unreadable reason");
    }
    switch (reason->content.front()) {
        case 1:
        case 3:
        case 4:
        case 5:
        case 9:
            return static_cast<RevocationReason>(reason->content.front());
        case 8:
            return refuse_entry("removeFromCRL outside a delta CRL");
        default:
            return RevocationReason::unspecified;
    }
}

/// Reads the reason from an entry's extensions: the content of their SEQUENCE.
Result<RevocationReason> read_extensions(std::string_view extensions) {
    std::optional<RevocationReason> reason;
    DerReader reader(extensions);
    while (!reader.is_at_end()) {
        const auto extension = reader.next(der::kSequence);
        if (!extension) {
            return refuse_entry("entry with malformed extensions");
        }
        DerReader fields(extension->content);
        const auto id = fields.next(der::kObjectIdentifier);
        const bool has_critical = fields.is_at(der::kBoolean);
        const auto critical = has_critical ? fields.next() : std::nullopt;
        const auto octets = fields.next(der::kOctetString);
        const bool is_malformed = !id || !octets || !fields.is_at_end() ||
                                  (has_critical && (!critical || critical->content.size() != 1));
        if (is_malformed) {
            return refuse_entry("entry with malformed extensions");
        }
        if (id->content == kCertificateIssuer) {
            return refuse_entry("entry of another issuer");
        }
        if (id->content == kReasonCode) {
            if (reason) {
                return refuse_entry("entry with two reasons");
            }
            const Result<RevocationReason> read = read_reason(octets->content);
            if (!read) {
                return read.error();
            }
            reason = *read;
        } else if (critical && critical->content.front() != 0 && id->content != kInvalidityDate) {
            return refuse_entry("entry with a critical extension that is not known");
        }
    }
    return reason.value_or(RevocationReason::unspecified);
}

/// The text of an INTEGER as Certificate::serial() returns it.
Result<std::string> odd_serial_text(std::string_view integer) {
    const auto* at = reinterpret_cast<const unsigned char*>(integer.data());
    const Asn1IntegerPtr serial(d2i_ASN1_INTEGER(nullptr, &at, static_cast<long>(integer.size())));
    if (!serial) {
        return openssl_failure(Code::malformed_certificate, "CRL: entry with a malformed serial");
    }
    return serial_text(serial.get());
}

/// The value of a lower-case hexadecimal digit, or -1.
int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Result<RevokedSerials> RevokedSerials::parse(std::string_view entries) {
    const ErrorQueueScope errors;
    RevokedSerials serials;
    serials.entries_.reserve(entries.size() / kUsualEntryBytes + 1);
    DerReader reader(entries);
    while (!reader.is_at_end()) {
        const auto entry = reader.next(der::kSequence);
        if (!entry) {
            return refuse_entry("malformed entries");
        }
        const Result<void> taken = serials.take(entry->content);
        if (!taken) {
            return taken.error();
        }
    }
    serials.put_in_order();
    return serials;
}

Result<void> RevokedSerials::take(std::string_view entry) {
    DerReader fields(entry);
    const auto serial = fields.next(der::kInteger);
    const bool has_time = fields.is_at(der::kUtcTime) || fields.is_at(der::kGeneralizedTime);
    const auto time = has_time ? fields.next() : std::nullopt;
    if (!serial || serial->content.empty() || !time) {
        return refuse_entry("malformed entry");
    }
    Result<RevocationReason> reason = RevocationReason::unspecified;
    if (!fields.is_at_end()) {
        const auto extensions = fields.next(der::kSequence);
        if (!extensions || !fields.is_at_end()) {
            return refuse_entry("malformed entry");
        }
        reason = read_extensions(extensions->content);
        if (!reason) {
            return reason.error();
        }
    }
    std::string_view magnitude = serial->content;
    const bool is_negative = (static_cast<unsigned char>(magnitude.front()) & 0x80) != 0;
    if (magnitude.size() > 1 && magnitude.front() == 0) {
        if ((static_cast<unsigned char>(magnitude[1]) & 0x80) == 0) {
            return refuse_entry("entry with a malformed serial");
        }
        magnitude.remove_prefix(1);
    }
    if (is_negative || magnitude.size() > Serial().size()) {
        Result<std::string> text = odd_serial_text(serial->whole);
        if (!text) {
            return text.error();
        }
        odd_.emplace(std::move(*text), *reason);
        return {};
    }
    Entry& kept = entries_.emplace_back();
    std::copy(magnitude.begin(), magnitude.end(),
              kept.serial.end() - static_cast<std::ptrdiff_t>(magnitude.size()));
    kept.reason = static_cast<std::uint8_t>(*reason);
    return {};
}

void RevokedSerials::put_in_order() {
    // Those of Postern's CA are sorted already.
    const auto is_in_order = std::ranges::adjacent_find(entries_, std::greater_equal<>(), &Entry::serial);
    if (is_in_order == entries_.end()) {
        return;
    }
    std::ranges::stable_sort(entries_, {}, &Entry::serial);
    const auto doubles = std::ranges::unique(entries_, {}, &Entry::serial);
    entries_.erase(doubles.begin(), doubles.end());
}

RevokedSerials RevokedSerials::merged(const RevokedSerials& first, const RevokedSerials& second) {
    RevokedSerials both;
    both.entries_.reserve(first.entries_.size() + second.entries_.size());
    std::ranges::set_union(first.entries_, second.entries_, std::back_inserter(both.entries_), {},
                           &Entry::serial, &Entry::serial);
    both.odd_ = first.odd_;
    both.odd_.insert(second.odd_.begin(), second.odd_.end());
    return both;
}

std::optional<RevocationReason> RevokedSerials::find(std::string_view serial) const {
    if (const auto odd = odd_.find(serial); odd != odd_.end()) {
        return odd->second;
    }
    Serial wanted{};
    if (serial.empty() || serial.size() > 2 * wanted.size()) {
        return std::nullopt;
    }
    // The digits are read from the end: the last two are the last byte.
    for (std::size_t i = 0; i < serial.size(); ++i) {
        const int digit = digit_of(serial[serial.size() - 1 - i]);
        if (digit < 0) {
            return std::nullopt;
        }
        unsigned char& byte = wanted[wanted.size() - 1 - i / 2];
        byte = static_cast<unsigned char>(byte | digit << (i % 2 * 4));
    }
    const auto found = std::ranges::lower_bound(entries_, wanted, {}, &Entry::serial);
    if (found == entries_.end() || found->serial != wanted) {
        return std::nullopt;
    }
    return static_cast<RevocationReason>(found->reason);
}

}  // namespace postern::pki
