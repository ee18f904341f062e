#include "pki/crl.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <openssl/pem.h>

#include "pki/asn1.hpp"
#include "pki/der.hpp"
#include "pki/pem.hpp"

namespace postern::pki {

namespace {

Failure refuse(Code code, std::string_view why) {
    return Failure{code, "CRL: " + std::string(why)};
}

/// A CRL split into its parts. OpenSSL would create ten objects for each entry and go through each of them
/// twice, so it gets everything except the entries. The signed bytes are kept unchanged.
struct Parts {
    /// The tbsCertList, including the entries.
    std::string_view signed_bytes;
    /// The content of revokedCertificates.
    std::string_view entries;
    X509CrlPtr without_entries;
};

Failure not_a_crl() {
    return openssl_failure(Code::malformed_certificate, "not a CRL");
}

/// Splits a CRL (RFC 5280, section 5.1).
Result<Parts> parse(std::string_view der) {
    DerReader outside(der);
    const auto list = outside.next(der::kSequence);
    if (!list) {
        return not_a_crl();
    }
    if (!outside.is_at_end()) {
        return refuse(Code::malformed_certificate, "bytes behind it");
    }
    DerReader inside(list->content);
    const auto tbs = inside.next(der::kSequence);
    if (!tbs) {
        return not_a_crl();
    }
    DerReader fields(tbs->content);
    std::string kept;
    const auto keep = [&](std::optional<DerElement> element) {
        if (element) {
            kept += element->whole;
        }
        return element.has_value();
    };
    const auto is_at_time = [&] {
        return fields.is_at(der::kUtcTime) || fields.is_at(der::kGeneralizedTime);
    };
    if (fields.is_at(der::kInteger)) {
        keep(fields.next());
    }
    const auto algorithm = fields.next(der::kSequence);
    const bool has_head =
        keep(algorithm) && keep(fields.next(der::kSequence)) && is_at_time() && keep(fields.next());
    if (!has_head || (is_at_time() && !keep(fields.next()))) {
        return not_a_crl();
    }
    Parts parts;
    parts.signed_bytes = tbs->whole;
    if (fields.is_at(der::kSequence)) {
        const auto entries = fields.next();
        if (!entries) {
            return not_a_crl();
        }
        parts.entries = entries->content;
    }
    if (!fields.is_at_end() && (!keep(fields.next(der::kContext0)) || !fields.is_at_end())) {
        return not_a_crl();
    }
    const std::string_view algorithm_and_signature = list->content.substr(tbs->whole.size());
    // The algorithm must be the same inside and outside of the signed part (section 5.1.1.2).
    if (!algorithm_and_signature.starts_with(algorithm->whole)) {
        return not_a_crl();
    }
    const std::string rest =
        der_encoded(der::kSequence, der_encoded(der::kSequence, kept).append(algorithm_and_signature));
    const auto* at = reinterpret_cast<const unsigned char*>(rest.data());
    const unsigned char* const end = at + rest.size();
    parts.without_entries.reset(d2i_X509_CRL(nullptr, &at, static_cast<long>(rest.size())));
    if (!parts.without_entries || at != end) {
        return not_a_crl();
    }
    return parts;
}

/// The DER of a PEM text with one block.
Result<std::string> der_of(std::string_view pem) {
    Result<std::vector<PemBlock>> blocks = read_pem(pem, Code::malformed_certificate, 1);
    if (!blocks) {
        return blocks.error();
    }
    if (blocks->front().label != PEM_STRING_X509_CRL) {
        return refuse(Code::malformed_certificate, "the PEM text holds something else");
    }
    return std::move(blocks->front().der);
}

enum class Kind { complete, delta };

/// Refuses extensions that change the meaning of the entries. An unknown critical extension may do so. An
/// issuing distribution point narrows a CRL's scope or makes it indirect, and a delta indicator makes it a
/// part of another CRL: these two are refused even if they are not critical, except for the delta indicator
/// of a delta CRL.
Result<void> check_extensions(const X509_CRL* crl, Kind kind) {
    for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
        X509_EXTENSION* extension = X509_CRL_get_ext(crl, i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_issuing_distribution_point || (nid == NID_delta_crl && kind == Kind::complete)) {
            return refuse(Code::malformed_certificate,
                          "indirect, delta and partitioned ones are not supported");
        }
        const bool is_known =
            nid == NID_crl_number || nid == NID_authority_key_identifier || nid == NID_delta_crl;
        if (X509_EXTENSION_get_critical(extension) != 0 && !is_known) {
            return refuse(Code::malformed_certificate, "critical extension that is not known");
        }
    }
    return {};
}

/// Reads cRLNumber or BaseCRLNumber. Without a number, versions could not be told apart: an absent or
/// negative one, or one of more than 64 bits, is refused.
Result<std::uint64_t> read_number(const X509_CRL* crl, int nid) {
    const Asn1IntegerPtr number(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, nid, nullptr, nullptr)));
    std::uint64_t value = 0;
    if (!number || ASN1_INTEGER_get_uint64(&value, number.get()) != 1) {
        return openssl_failure(Code::malformed_certificate, "CRL: no number of at most 64 bits");
    }
    return value;
}

/// Does what X509_CRL_verify() does, for a split CRL.
bool is_signed_by(const Parts& parts, EVP_PKEY* key) {
    const ASN1_BIT_STRING* signature = nullptr;
    const X509_ALGOR* algorithm = nullptr;
    X509_CRL_get0_signature(parts.without_entries.get(), &signature, &algorithm);
    const Asn1TypePtr signed_bytes = any_sequence(parts.signed_bytes);
    return signed_bytes &&
           ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algorithm, signature, signed_bytes.get(), key) == 1;
}

bool may_sign_crls(const Certificate& issuer) {
    return issuer.is_ca() && (X509_get_extension_flags(issuer.get()) & EXFLAG_KUSAGE) != 0 &&
           (X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) != 0;
}

Result<void> check_signature(const Parts& parts, const Certificate& issuer) {
    const X509_CRL* const crl = parts.without_entries.get();
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer.get())) != 0) {
        return refuse(Code::unknown_issuer,
                      "issued by " + name_text(X509_CRL_get_issuer(crl)) + ", not by " + issuer.subject());
    }
    if (!may_sign_crls(issuer)) {
        return refuse(Code::wrong_purpose, issuer.subject() + " may not sign CRLs");
    }
    if (!is_strong_signature(X509_CRL_get_signature_nid(crl))) {
        return refuse(Code::malformed_certificate, "signed with a weak digest");
    }
    if (!is_signed_by(parts, X509_get0_pubkey(issuer.get()))) {
        return openssl_failure(Code::unknown_issuer, "CRL: not signed by " + issuer.subject());
    }
    return {};
}

/// The content that complete and delta CRLs have in common.
struct Verified {
    std::uint64_t base = 0;
    std::uint64_t number = 0;
    SystemTime this_update{};
    SystemTime next_update{};
    RevokedSerials revoked;
};

Result<Verified> verify_der(std::string_view der, const Certificate& issuer, Kind kind) {
    const Result<Parts> parts = parse(der);
    if (!parts) {
        return parts.error();
    }
    // The signature is checked first: nothing in an unsigned list is worth reading.
    const Result<void> is_signed = check_signature(*parts, issuer);
    if (!is_signed) {
        return is_signed.error();
    }
    const X509_CRL* const raw = parts->without_entries.get();
    const Result<void> is_understood = check_extensions(raw, kind);
    if (!is_understood) {
        return is_understood.error();
    }
    Verified verified;
    const Result<std::uint64_t> number = read_number(raw, NID_crl_number);
    if (!number) {
        return number.error();
    }
    verified.number = *number;
    if (kind == Kind::delta) {
        const Result<std::uint64_t> base = read_number(raw, NID_delta_crl);
        if (!base) {
            return base.error();
        }
        verified.base = *base;
    }
    const std::optional<SystemTime> this_update = time_from_asn1(X509_CRL_get0_lastUpdate(raw));
    const std::optional<SystemTime> next_update = time_from_asn1(X509_CRL_get0_nextUpdate(raw));
    if (!this_update || !next_update) {
        return refuse(Code::malformed_certificate, "without a time of its issue or of the next one");
    }
    verified.this_update = *this_update;
    verified.next_update = *next_update;
    Result<RevokedSerials> revoked = RevokedSerials::parse(parts->entries);
    if (!revoked) {
        return revoked.error();
    }
    verified.revoked = std::move(*revoked);
    return verified;
}

/// The most entries of deltas that are kept apart and copied for each delta, or a sixteenth of the list if
/// that is more.
constexpr std::size_t kMostAdded = 4096;

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
    std::string der_of_pem;
    if (bytes.starts_with("-----BEGIN")) {
        Result<std::string> der = der_of(bytes);
        if (!der) {
            return der.error();
        }
        der_of_pem = std::move(*der);
        bytes = der_of_pem;
    }
    Result<Verified> verified = verify_der(bytes, issuer, Kind::complete);
    if (!verified) {
        return verified.error();
    }
    Crl crl;
    crl.number_ = verified->number;
    crl.this_update_ = verified->this_update;
    crl.next_update_ = verified->next_update;
    crl.revoked_ = std::make_shared<const RevokedSerials>(std::move(verified->revoked));
    crl.added_ = std::make_shared<const RevokedSerials>();
    return crl;
}

std::optional<RevocationReason> Crl::find(std::string_view serial) const {
    const auto found = revoked_->find(serial);
    return found ? found : added_->find(serial);
}

Result<Crl> Crl::with(const CrlDelta& delta) const {
    if (delta.base() > number_ || delta.number() <= number_) {
        return refuse(Code::crl_stale, "a delta from number " + std::to_string(delta.base()) + " to " +
                                           std::to_string(delta.number()) + " does not go with number " +
                                           std::to_string(number_));
    }
    Crl changed = *this;
    changed.number_ = delta.number_;
    changed.this_update_ = delta.this_update_;
    changed.next_update_ = delta.next_update_;
    if (delta.size() > 0) {
        changed.added_ =
            std::make_shared<const RevokedSerials>(RevokedSerials::merged(*added_, delta.revoked_));
    }
    if (changed.added_->size() > std::max(kMostAdded, revoked_->size() / 16)) {
        changed.revoked_ =
            std::make_shared<const RevokedSerials>(RevokedSerials::merged(*revoked_, *changed.added_));
        changed.added_ = std::make_shared<const RevokedSerials>();
    }
    return changed;
}

Crl Crl::also_revoking(const Crl& other) const {
    Crl both = *this;
    if (other.revoked_ != revoked_) {
        both.revoked_ =
            std::make_shared<const RevokedSerials>(RevokedSerials::merged(*revoked_, *other.revoked_));
    }
    both.added_ = std::make_shared<const RevokedSerials>(RevokedSerials::merged(*added_, *other.added_));
    return both;
}

Result<CrlDelta> CrlDelta::verify(std::string_view der, const Certificate& issuer) {
    const ErrorQueueScope errors;
    Result<Verified> verified = verify_der(der, issuer, Kind::delta);
    if (!verified) {
        return verified.error();
    }
    CrlDelta delta;
    delta.base_ = verified->base;
    delta.number_ = verified->number;
    delta.this_update_ = verified->this_update;
    delta.next_update_ = verified->next_update;
    delta.revoked_ = std::move(verified->revoked);
    return delta;
}

bool signs_crls_as(const Certificate& candidate, const Certificate& signer) {
    const ErrorQueueScope errors;
    return may_sign_crls(candidate) &&
           X509_NAME_cmp(X509_get_subject_name(candidate.get()), X509_get_subject_name(signer.get())) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(candidate.get()), X509_get0_pubkey(signer.get())) == 1;
}

Result<std::vector<std::string_view>> split_deltas(std::string_view bytes) {
    std::vector<std::string_view> deltas;
    DerReader reader(bytes);
    while (!reader.is_at_end()) {
        const auto delta = reader.next(der::kSequence);
        if (!delta) {
            return refuse(Code::malformed_certificate, "deltas that are not whole");
        }
        deltas.push_back(delta->whole);
    }
    return deltas;
}

}  // namespace postern::pki
