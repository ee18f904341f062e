#include "pki/crl.hpp"

#include <openssl/pem.h>

#include "pki/asn1.hpp"
#include "pki/pem.hpp"

namespace postern::pki {

namespace {

using EnumeratedPtr = std::unique_ptr<ASN1_ENUMERATED, Freer<ASN1_ENUMERATED_free>>;

Failure refuse(Code code, std::string_view why) {
    return Failure{code, "CRL: " + std::string(why)};
}

Result<X509CrlPtr> parse(std::string_view bytes) {
    std::string der_of_pem;
    if (bytes.starts_with("-----BEGIN")) {
        Result<std::vector<PemBlock>> blocks = read_pem(bytes, Code::malformed_certificate, 1);
        if (!blocks) return blocks.error();
        if (blocks->front().label != PEM_STRING_X509_CRL) {
            return refuse(Code::malformed_certificate, "the PEM text holds something else");
        }
        der_of_pem = std::move(blocks->front().der);
        bytes = der_of_pem;
    }
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const unsigned char* const end = at + bytes.size();
    X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())));
    if (!crl) return openssl_failure(Code::malformed_certificate, "not a CRL");
    if (at != end) return refuse(Code::malformed_certificate, "bytes behind it");
    return crl;
}

/// Only what changes nothing about the meaning of the entries may be critical. An issuing distribution point
/// narrows a CRL's scope or makes it indirect, a delta indicator makes it a part of another: refused even if
/// they are not critical.
Result<void> check_extensions(const X509_CRL* crl) {
    for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
        X509_EXTENSION* extension = X509_CRL_get_ext(crl, i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_issuing_distribution_point || nid == NID_delta_crl) {
            return refuse(Code::malformed_certificate,
                          "indirect, delta and partitioned ones are not supported");
        }
        const bool is_known = nid == NID_crl_number || nid == NID_authority_key_identifier;
        if (X509_EXTENSION_get_critical(extension) != 0 && !is_known) {
            return refuse(Code::malformed_certificate, "critical extension that is not known");
        }
    }
    return {};
}

/// Absent and non-positive numbers are refused: versions could not be told apart.
Result<std::uint64_t> read_number(const X509_CRL* crl) {
    const Asn1IntegerPtr number(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)));
    std::uint64_t value = 0;
    if (!number || ASN1_INTEGER_get_uint64(&value, number.get()) != 1) {
        return openssl_failure(Code::malformed_certificate, "CRL: no number of at most 64 bits");
    }
    return value;
}

/// The reason of one entry; the ones that Postern's CA never gives count as unspecified.
Result<RevocationReason> read_reason(const X509_REVOKED* entry) {
    for (int i = 0; i < X509_REVOKED_get_ext_count(entry); ++i) {
        X509_EXTENSION* extension = X509_REVOKED_get_ext(entry, i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_certificate_issuer) {
            return refuse(Code::malformed_certificate, "entry of another issuer");
        }
        const bool is_known = nid == NID_crl_reason || nid == NID_invalidity_date;
        if (X509_EXTENSION_get_critical(extension) != 0 && !is_known) {
            return refuse(Code::malformed_certificate, "entry with a critical extension that is not known");
        }
    }
    int state = 0;
    const EnumeratedPtr reason(
        static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &state, nullptr)));
    // -1: there is none.
    if (!reason && state != -1) {
        return openssl_failure(Code::malformed_certificate, "CRL: entry with an unreadable reason");
    }
    const long value = reason ? ASN1_ENUMERATED_get(reason.get()) : 0;
    switch (value) {
        case 1:
        case 3:
        case 4:
        case 5:
        case 9:
            return static_cast<RevocationReason>(value);
        case 8:
            return refuse(Code::malformed_certificate, "removeFromCRL outside a delta CRL");
        default:
            return RevocationReason::unspecified;
    }
}

Result<void> check_signature(X509_CRL* crl, const Certificate& issuer) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer.get())) != 0) {
        return refuse(Code::unknown_issuer,
                      "issued by " + name_text(X509_CRL_get_issuer(crl)) + ", not by " + issuer.subject());
    }
    const bool may_sign = issuer.is_ca() && (X509_get_extension_flags(issuer.get()) & EXFLAG_KUSAGE) != 0 &&
                          (X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) != 0;
    if (!may_sign) return refuse(Code::wrong_purpose, issuer.subject() + " may not sign CRLs");
    if (!is_strong_signature(X509_CRL_get_signature_nid(crl))) {
        return refuse(Code::malformed_certificate, "signed with a weak digest");
    }
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer.get())) != 1) {
        return openssl_failure(Code::unknown_issuer, "CRL: not signed by " + issuer.subject());
    }
    return {};
}

}  // namespace

Code code_of(RevocationReason reason) noexcept {
    switch (reason) {
        case RevocationReason::privilege_withdrawn:
            return Code::user_disabled;
        case RevocationReason::cessation_of_operation:
            return Code::session_ended;
        case RevocationReason::unspecified:
        case RevocationReason::key_compromise:
        case RevocationReason::affiliation_changed:
        case RevocationReason::superseded:
            break;
    }
    return Code::revoked;
}

Result<Crl> Crl::verify(std::string_view bytes, const Certificate& issuer) {
    const ErrorQueueScope errors;
    const Result<X509CrlPtr> parsed = parse(bytes);
    if (!parsed) return parsed.error();
    X509_CRL* const raw = parsed->get();
    // First of all: nothing in an unsigned list is worth a look.
    const Result<void> is_signed = check_signature(raw, issuer);
    if (!is_signed) return is_signed.error();
    const Result<void> is_understood = check_extensions(raw);
    if (!is_understood) return is_understood.error();
    const Result<std::uint64_t> number = read_number(raw);
    if (!number) return number.error();
    const std::optional<SystemTime> this_update = time_from_asn1(X509_CRL_get0_lastUpdate(raw));
    const std::optional<SystemTime> next_update = time_from_asn1(X509_CRL_get0_nextUpdate(raw));
    if (!this_update || !next_update) {
        return refuse(Code::malformed_certificate, "without a time of its issue or of the next one");
    }
    Crl crl;
    crl.number_ = *number;
    crl.this_update_ = *this_update;
    crl.next_update_ = *next_update;
    const STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(raw);
    const int count = entries == nullptr ? 0 : sk_X509_REVOKED_num(entries);
    crl.revoked_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
        const Result<RevocationReason> reason = read_reason(entry);
        if (!reason) return reason.error();
        crl.revoked_.emplace(serial_text(X509_REVOKED_get0_serialNumber(entry)), *reason);
    }
    return crl;
}

std::optional<RevocationReason> Crl::find(std::string_view serial) const {
    const auto found = revoked_.find(serial);
    if (found == revoked_.end()) return std::nullopt;
    return found->second;
}

}  // namespace postern::pki
