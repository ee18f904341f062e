#include "pki/crl_builder.hpp"

#include <algorithm>
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

/// What one of OpenSSL's i2d functions writes; empty when it fails.
template <auto Encode, class T>
std::string encoded(const T* object) {
    unsigned char* bytes = nullptr;
    const int length = Encode(object, &bytes);
    std::string der;
    if (length > 0) der.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return der;
}

bool add_number(X509_CRL* crl, std::uint64_t number) {
    const Asn1IntegerPtr value(ASN1_INTEGER_new());
    return value && ASN1_INTEGER_set_uint64(value.get(), number) == 1 &&
           X509_CRL_add1_ext_i2d(crl, NID_crl_number, value.get(), 0, 0) == 1;
}

bool add_authority_key_identifier(X509_CRL* crl, const Certificate& issuer) {
    const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(issuer.get());
    if (identifier == nullptr) return true;
    const AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
    if (!authority) return false;
    authority->keyid = ASN1_OCTET_STRING_dup(identifier);
    return authority->keyid != nullptr &&
           X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority.get(), 0, 0) == 1;
}

/// Everything but the entries, signed so that it says with which algorithm.
Result<std::string> build_empty(const PrivateKey& key, const Certificate& issuer, const CrlProfile& profile) {
    const X509CrlPtr crl(X509_CRL_new());
    const Asn1TimePtr last = time_to_asn1(profile.this_update);
    const Asn1TimePtr next = time_to_asn1(profile.next_update);
    if (!crl || !last || !next || X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.get())) != 1 ||
        X509_CRL_set1_lastUpdate(crl.get(), last.get()) != 1 ||
        X509_CRL_set1_nextUpdate(crl.get(), next.get()) != 1 ||
        !add_authority_key_identifier(crl.get(), issuer) || !add_number(crl.get(), profile.number)) {
        return cannot("make");
    }
    if (X509_CRL_sign(crl.get(), key.get(), signing_digest(key.get())) <= 0) return cannot("sign");
    std::string der = encoded<i2d_X509_CRL>(crl.get());
    if (der.empty()) return cannot("encode");
    return der;
}

/// SEQUENCE { reasonCode, OCTET STRING { ENUMERATED } } in the SEQUENCE of an entry's extensions.
std::string encoded_reason(RevocationReason reason) {
    // "Unspecified" is told by leaving the reason out (RFC 5280, section 5.3.1).
    if (reason == RevocationReason::unspecified) return {};
    const std::string value = der_encoded(der::kEnumerated, std::string(1, static_cast<char>(reason)));
    const std::string extension =
        der_encoded(der::kObjectIdentifier, "\x55\x1d\x15") + der_encoded(der::kOctetString, value);
    return der_encoded(der::kSequence, der_encoded(der::kSequence, extension));
}

struct EncodedEntry {
    /// The magnitude without leading zeros.
    std::string serial;
    std::string der;
};

/// The content of revokedCertificates.
Result<std::string> encode_entries(const std::vector<RevokedSerial>& revoked) {
    std::vector<EncodedEntry> entries;
    entries.reserve(revoked.size());
    SystemTime time_encoded;
    std::string time;
    std::size_t size = 0;
    for (const RevokedSerial& one : revoked) {
        if (time.empty() || one.revoked_at != time_encoded) {
            const Asn1TimePtr moment = time_to_asn1(one.revoked_at);
            time = moment ? encoded<i2d_ASN1_TIME>(moment.get()) : std::string();
            time_encoded = one.revoked_at;
            if (time.empty()) return cannot("date an entry of");
        }
        const Result<std::vector<unsigned char>> bytes = from_hex(one.serial);
        if (!bytes || bytes->empty() || bytes->size() > 20) return serial_from_text(one.serial).error();
        const auto first =
            std::find_if(bytes->begin(), bytes->end() - 1, [](unsigned char byte) { return byte != 0; });
        EncodedEntry entry{std::string(first, bytes->end()), {}};
        // An INTEGER whose highest bit is set is negative: a zero in front of it.
        const std::string integer = (*first & 0x80) != 0 ? '\0' + entry.serial : entry.serial;
        entry.der = der_encoded(der::kSequence,
                                der_encoded(der::kInteger, integer) + time + encoded_reason(one.reason));
        size += entry.der.size();
        entries.push_back(std::move(entry));
    }
    std::ranges::sort(entries, [](const EncodedEntry& a, const EncodedEntry& b) {
        return a.serial.size() != b.serial.size() ? a.serial.size() < b.serial.size() : a.serial < b.serial;
    });
    std::string all;
    all.reserve(size);
    for (const EncodedEntry& entry : entries)
        all += entry.der;
    return all;
}

/// A SEQUENCE signed as X509_CRL_sign() would; the BIT STRING in DER.
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
    const ErrorQueueScope errors;
    Result<std::string> empty = build_empty(key, issuer, profile);
    if (!empty || revoked.empty()) return empty;
    const Result<std::string> entries = encode_entries(revoked);
    if (!entries) return entries.error();
    // An OpenSSL object for each entry would take ten times as long: they go between nextUpdate and the
    // extensions.
    DerReader outside(*empty);
    DerReader list(outside.next()->content);
    const DerElement tbs = *list.next();
    const DerElement algorithm = *list.next();
    std::string content;
    DerReader fields(tbs.content);
    while (!fields.is_at(der::kContext0))
        content += fields.next()->whole;
    content += der_encoded(der::kSequence, *entries);
    content += fields.next()->whole;
    std::string signed_bytes = der_encoded(der::kSequence, content);
    const Result<std::string> signature = sign(key, signed_bytes);
    if (!signature) return signature.error();
    return der_encoded(der::kSequence, signed_bytes.append(algorithm.whole).append(*signature));
}

}  // namespace postern::pki
