#include "pki/crl_builder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/hex.hpp"
#include "pki/asn1.hpp"
#include "pki/certificate_builder.hpp"
#include "pki/der.hpp"

namespace postern::pki {

namespace {

using AuthorityKeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Freer<X509_ALGOR_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Freer<ASN1_BIT_STRING_free>>;

Failure cannot(std::string_view what) {
    return openssl_failure(Code::internal, "cannot " + std::string(what) + " the CRL");
}

/// The output of one of OpenSSL's i2d functions; empty when it fails.
template <auto Encode, class T>
std::string encoded(const T* object) {
    unsigned char* bytes = nullptr;
    const int length = Encode(object, &bytes);
    std::string der;
    if (length > 0) {
        der.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    }
    OPENSSL_free(bytes);
    return der;
}

enum class Critical : int { no, yes };

/// Adds an extension that is a number: cRLNumber, BaseCRLNumber.
bool add_number(X509_CRL* crl, int nid, std::uint64_t number, Critical critical) {
    const Asn1IntegerPtr value(ASN1_INTEGER_new());
    return value && ASN1_INTEGER_set_uint64(value.get(), number) == 1 &&
           X509_CRL_add1_ext_i2d(crl, nid, value.get(), static_cast<int>(critical), 0) == 1;
}

bool add_authority_key_identifier(X509_CRL* crl, const Certificate& issuer) {
    const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(issuer.get());
    if (identifier == nullptr) {
        return true;
    }
    const AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
    if (!authority) {
        return false;
    }
    authority->keyid = ASN1_OCTET_STRING_dup(identifier);
    return authority->keyid != nullptr &&
           X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority.get(), 0, 0) == 1;
}

/// Builds and signs the CRL without its entries; the signature shows which algorithm the key uses.
Result<std::string> build_empty(const PrivateKey& key, const Certificate& issuer, const CrlProfile& profile) {
    const X509CrlPtr crl(X509_CRL_new());
    const Asn1TimePtr last = time_to_asn1(profile.this_update);
    const Asn1TimePtr next = time_to_asn1(profile.next_update);
    if (!crl || !last || !next || X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.get())) != 1 ||
        X509_CRL_set1_lastUpdate(crl.get(), last.get()) != 1 ||
        X509_CRL_set1_nextUpdate(crl.get(), next.get()) != 1 ||
        !add_authority_key_identifier(crl.get(), issuer) ||
        !add_number(crl.get(), NID_crl_number, profile.number, Critical::no)) {
        return cannot("make");
    }
    if (profile.base && !add_number(crl.get(), NID_delta_crl, *profile.base, Critical::yes)) {
        return cannot("make a delta of");
    }
    if (X509_CRL_sign(crl.get(), key.get(), signing_digest(key.get())) <= 0) {
        return cannot("sign");
    }
    std::string der = encoded<i2d_X509_CRL>(crl.get());
    if (der.empty()) {
        return cannot("encode");
    }
    return der;
}

/// The extensions of an entry: SEQUENCE { SEQUENCE { reasonCode, OCTET STRING { ENUMERATED } } }.
std::string encoded_reason(RevocationReason reason) {
    // "Unspecified" is expressed by omitting the reason (RFC 5280, section 5.3.1).
    if (reason == RevocationReason::unspecified) {
        return {};
    }
    const std::string value = der_encoded(der::kEnumerated, std::string(1, static_cast<char>(reason)));
    const std::string extension =
        der_encoded(der::kObjectIdentifier, "\x55\x1d\x15") + der_encoded(der::kOctetString, value);
    return der_encoded(der::kSequence, der_encoded(der::kSequence, extension));
}

/// A serial in sortable form, big-endian with leading zeros, and the index of its entry.
struct SortedSerial {
    std::array<unsigned char, 20> bytes{};
    std::uint32_t index = 0;
};

Result<std::vector<SortedSerial>> sorted_serials(const std::vector<RevokedSerial>& revoked) {
    std::vector<SortedSerial> sorted(revoked.size());
    for (std::size_t i = 0; i < revoked.size(); ++i) {
        const Result<std::vector<unsigned char>> bytes = from_hex(revoked[i].serial);
        SortedSerial& one = sorted[i];
        if (!bytes || bytes->empty() || bytes->size() > one.bytes.size()) {
            return serial_from_text(revoked[i].serial).error();
        }
        std::ranges::copy(*bytes, one.bytes.end() - static_cast<std::ptrdiff_t>(bytes->size()));
        one.index = static_cast<std::uint32_t>(i);
    }
    std::ranges::sort(sorted, {}, &SortedSerial::bytes);
    return sorted;
}

/// Encodes the content of revokedCertificates. There may be millions of entries, so that only their serials
/// are kept in memory besides the result.
Result<std::string> encode_entries(const std::vector<RevokedSerial>& revoked) {
    constexpr std::size_t kUsualEntryBytes = 49;
    const Result<std::vector<SortedSerial>> sorted = sorted_serials(revoked);
    if (!sorted) {
        return sorted.error();
    }
    std::string all;
    all.reserve(revoked.size() * kUsualEntryBytes);
    SystemTime time_encoded;
    std::string time;
    for (const SortedSerial& one : *sorted) {
        const RevokedSerial& entry = revoked[one.index];
        if (time.empty() || entry.revoked_at != time_encoded) {
            const Asn1TimePtr moment = time_to_asn1(entry.revoked_at);
            time = moment ? encoded<i2d_ASN1_TIME>(moment.get()) : std::string();
            time_encoded = entry.revoked_at;
            if (time.empty()) {
                return cannot("date an entry of");
            }
        }
        const auto* const first = std::find_if(one.bytes.begin(), one.bytes.end() - 1,
                                               [](unsigned char byte) { return byte != 0; });
        // An INTEGER with the highest bit set would be negative, so that a zero byte goes in front.
        std::string integer((*first & 0x80) != 0 ? 1 : 0, '\0');
        integer.append(first, one.bytes.end());
        all += der_encoded(der::kSequence,
                           der_encoded(der::kInteger, integer) + time + encoded_reason(entry.reason));
    }
    return all;
}

/// Signs a SEQUENCE as X509_CRL_sign() would, and returns the BIT STRING in DER.
Result<std::string> sign(const PrivateKey& key, std::string_view sequence) {
    const Asn1TypePtr value = any_sequence(sequence);
    const AlgorithmPtr algorithm(X509_ALGOR_new());
    const BitStringPtr signature(ASN1_BIT_STRING_new());
    if (!value || !algorithm || !signature ||
        ASN1_item_sign(ASN1_ITEM_rptr(ASN1_ANY), algorithm.get(), nullptr, signature.get(), value.get(),
                       key.get(), signing_digest(key.get())) <= 0) {
        return cannot("sign");
    }
    return encoded<i2d_ASN1_BIT_STRING>(signature.get());
}

}  // namespace

Result<std::string> build_crl(const PrivateKey& key, const Certificate& issuer, const CrlProfile& profile,
                              const std::vector<RevokedSerial>& revoked) {
    if (profile.next_update <= profile.this_update) {
        return Failure{Code::malformed_request, "a CRL must end after it begins"};
    }
    if (profile.base && *profile.base >= profile.number) {
        return Failure{Code::malformed_request, "a delta must come after its base"};
    }
    const ErrorQueueScope errors;
    Result<std::string> empty = build_empty(key, issuer, profile);
    if (!empty || revoked.empty()) {
        return empty;
    }
    const Result<std::string> entries = encode_entries(revoked);
    if (!entries) {
        return entries.error();
    }
    // The entries are inserted between nextUpdate and the extensions. An OpenSSL object for each entry would
    // take ten times as long.
    DerReader outside(*empty);
    DerReader list(outside.next()->content);
    const DerElement tbs = *list.next();
    const DerElement algorithm = *list.next();
    std::string content;
    DerReader fields(tbs.content);
    while (!fields.is_at(der::kContext0)) {
        content += fields.next()->whole;
    }
    content += der_encoded(der::kSequence, *entries);
    content += fields.next()->whole;
    std::string signed_bytes = der_encoded(der::kSequence, content);
    const Result<std::string> signature = sign(key, signed_bytes);
    if (!signature) {
        return signature.error();
    }
    return der_encoded(der::kSequence, signed_bytes.append(algorithm.whole).append(*signature));
}

}  // namespace postern::pki
