#include "pki/certificate_builder.hpp"

#include <array>
#include <stdexcept>

#include "pki/asn1.hpp"
#include "pki/digest.hpp"

namespace postern::pki {

namespace {

constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kKeyIdentifierBytes = 20;

using AuthorityKeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>>;
using BasicConstraintsPtr = std::unique_ptr<BASIC_CONSTRAINTS, Freer<BASIC_CONSTRAINTS_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Freer<ASN1_BIT_STRING_free>>;
using DistributionPointPtr = std::unique_ptr<DIST_POINT, Freer<DIST_POINT_free>>;
using DistributionPointsPtr = std::unique_ptr<CRL_DIST_POINTS, Freer<CRL_DIST_POINTS_free>>;
using ExtendedKeyUsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, Freer<EXTENDED_KEY_USAGE_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using Ia5StringPtr = std::unique_ptr<ASN1_IA5STRING, Freer<ASN1_IA5STRING_free>>;
using OctetStringPtr = std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>>;
using Utf8StringPtr = std::unique_ptr<ASN1_UTF8STRING, Freer<ASN1_UTF8STRING_free>>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

bool set_text(ASN1_STRING* string, std::string_view text) {
    return string != nullptr && ASN1_STRING_set(string, text.data(), static_cast<int>(text.size())) == 1;
}

/// Appends a URI or a DNS name; false when memory is exhausted.
bool add_text_name(GENERAL_NAMES* names, int kind, std::string_view text) {
    GeneralNamePtr name(GENERAL_NAME_new());
    Ia5StringPtr value(ASN1_IA5STRING_new());
    if (!name || !set_text(value.get(), text)) {
        return false;
    }
    GENERAL_NAME_set0_value(name.get(), kind, value.release());
    if (sk_GENERAL_NAME_push(names, name.get()) <= 0) {
        return false;
    }
    static_cast<void>(name.release());
    return true;
}

/// Appends an IP address and takes ownership of it; false when memory is exhausted.
bool add_address(GENERAL_NAMES* names, ASN1_OCTET_STRING* address) {
    OctetStringPtr value(address);
    GeneralNamePtr name(GENERAL_NAME_new());
    if (!name) {
        return false;
    }
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, value.release());
    if (sk_GENERAL_NAME_push(names, name.get()) <= 0) {
        return false;
    }
    static_cast<void>(name.release());
    return true;
}

}  // namespace

const EVP_MD* signing_digest(EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_ED25519:
        case EVP_PKEY_ED448:
            return nullptr;
        case EVP_PKEY_EC:
            return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
        default:
            return EVP_sha256();
    }
}

CertificateBuilder::CertificateBuilder() : certificate_(X509_new()) {
    const ErrorQueueScope errors;
    if (!certificate_) {
        throw std::bad_alloc();
    }
    note(X509_set_version(certificate_.get(), X509_VERSION_3) == 1, "version");
    const std::vector<unsigned char> serial = random_bytes(kSerialBytes);
    const BignumPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    note(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate_.get())) != nullptr,
         "serial number");
}

void CertificateBuilder::note(bool is_done, std::string_view step) {
    if (is_done || failure_) {
        return;
    }
    failure_ = openssl_failure(Code::malformed_request, "certificate: " + std::string(step));
}

void CertificateBuilder::add_extension(int nid, void* value, bool is_critical, std::string_view step) {
    note(value != nullptr && X509_add1_ext_i2d(certificate_.get(), nid, value, is_critical ? 1 : 0, 0) == 1,
         step);
}

CertificateBuilder& CertificateBuilder::subject(int nid, std::string_view value) {
    // OpenSSL counts characters. The limit of RFC 5280, appendix A.1, is applied to bytes as well, because
    // PostgreSQL counts bytes.
    const bool is_short = !value.empty() && value.size() <= 64;
    note(is_short && X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate_.get()), nid, MBSTRING_UTF8,
                                                bytes_of(value), static_cast<int>(value.size()), -1, 0) == 1,
         "a subject attribute has 1 to 64 bytes of UTF-8");
    return *this;
}

CertificateBuilder& CertificateBuilder::subject_of(const Certificate& other) {
    note(X509_set_subject_name(certificate_.get(), X509_get_subject_name(other.get())) == 1, "subject");
    return *this;
}

CertificateBuilder& CertificateBuilder::validity(SystemTime not_before, SystemTime not_after) {
    const Asn1TimePtr first = time_to_asn1(not_before);
    const Asn1TimePtr last = time_to_asn1(not_after);
    note(first && last && X509_set1_notBefore(certificate_.get(), first.get()) == 1 &&
             X509_set1_notAfter(certificate_.get(), last.get()) == 1,
         "validity");
    return *this;
}

CertificateBuilder& CertificateBuilder::public_key(EVP_PKEY* key) {
    note(X509_set_pubkey(certificate_.get(), key) == 1, "public key");
    return *this;
}

CertificateBuilder& CertificateBuilder::issued_by(const Certificate& issuer) {
    note(X509_set_issuer_name(certificate_.get(), X509_get_subject_name(issuer.get())) == 1, "issuer");
    has_issuer_ = true;
    const ASN1_OCTET_STRING* identifier = X509_get0_subject_key_id(issuer.get());
    if (identifier == nullptr) {
        return *this;
    }
    const AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
    if (authority) {
        authority->keyid = ASN1_OCTET_STRING_dup(identifier);
    }
    add_extension(NID_authority_key_identifier, authority.get(), false, "authority key identifier");
    return *this;
}

CertificateBuilder& CertificateBuilder::basic_constraints(bool is_ca, std::optional<int> path_length) {
    const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
    if (constraints) {
        constraints->ca = is_ca ? 0xFF : 0;
        if (path_length) {
            constraints->pathlen = ASN1_INTEGER_new();
            note(constraints->pathlen != nullptr && ASN1_INTEGER_set(constraints->pathlen, *path_length) == 1,
                 "path length");
        }
    }
    add_extension(NID_basic_constraints, constraints.get(), true, "basic constraints");
    return *this;
}

CertificateBuilder& CertificateBuilder::key_usage(const std::vector<int>& bits) {
    const BitStringPtr usage(ASN1_BIT_STRING_new());
    for (const int bit : bits) {
        note(usage && ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) == 1, "key usage");
    }
    add_extension(NID_key_usage, usage.get(), true, "key usage");
    return *this;
}

CertificateBuilder& CertificateBuilder::extended_key_usage(int nid) {
    const ExtendedKeyUsagePtr usage(EXTENDED_KEY_USAGE_new());
    note(usage && sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(nid)) > 0, "extended key usage");
    add_extension(NID_ext_key_usage, usage.get(), false, "extended key usage");
    return *this;
}

CertificateBuilder& CertificateBuilder::subject_key_identifier() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    const OctetStringPtr identifier(ASN1_OCTET_STRING_new());
    note(X509_pubkey_digest(certificate_.get(), EVP_sha256(), digest.data(), &length) == 1 && identifier &&
             ASN1_OCTET_STRING_set(identifier.get(), digest.data(), kKeyIdentifierBytes) == 1,
         "subject key identifier");
    add_extension(NID_subject_key_identifier, identifier.get(), false, "subject key identifier");
    return *this;
}

CertificateBuilder& CertificateBuilder::alternative_names(const std::vector<std::string>& uris,
                                                          const std::vector<std::string>& names) {
    if (uris.empty() && names.empty()) {
        return *this;
    }
    const GeneralNamesPtr all(GENERAL_NAMES_new());
    for (const std::string& uri : uris) {
        note(all && add_text_name(all.get(), GEN_URI, uri), "alternative name");
    }
    for (const std::string& name : names) {
        ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
        const ErrorQueueScope errors;
        note(all && (address != nullptr ? add_address(all.get(), address)
                                        : add_text_name(all.get(), GEN_DNS, name)),
             "alternative name");
    }
    add_extension(NID_subject_alt_name, all.get(), false, "alternative names");
    return *this;
}

CertificateBuilder& CertificateBuilder::crl_distribution_point(std::string_view url) {
    const DistributionPointsPtr points(CRL_DIST_POINTS_new());
    DistributionPointPtr point(DIST_POINT_new());
    GeneralNamesPtr names(GENERAL_NAMES_new());
    if (points && point && names && add_text_name(names.get(), GEN_URI, url)) {
        point->distpoint = DIST_POINT_NAME_new();
        if (point->distpoint != nullptr) {
            point->distpoint->type = 0;
            point->distpoint->name.fullname = names.release();
            if (sk_DIST_POINT_push(points.get(), point.get()) > 0) {
                static_cast<void>(point.release());
                add_extension(NID_crl_distribution_points, points.get(), false, "CRL distribution point");
                return *this;
            }
        }
    }
    note(false, "CRL distribution point");
    return *this;
}

CertificateBuilder& CertificateBuilder::session(std::string_view session_id) {
    const Utf8StringPtr text(ASN1_UTF8STRING_new());
    unsigned char* der = nullptr;
    const int length = set_text(text.get(), session_id) ? i2d_ASN1_UTF8STRING(text.get(), &der) : -1;
    const OctetStringPtr value(ASN1_OCTET_STRING_new());
    const bool is_encoded = length > 0 && value && ASN1_OCTET_STRING_set(value.get(), der, length) == 1;
    OPENSSL_free(der);
    const ExtensionPtr extension(
        is_encoded ? X509_EXTENSION_create_by_OBJ(nullptr, session_oid(), 0, value.get()) : nullptr);
    note(extension && X509_add_ext(certificate_.get(), extension.get(), -1) == 1, "session");
    return *this;
}

Result<Certificate> CertificateBuilder::sign(const PrivateKey& key) {
    if (!has_issuer_) {
        note(X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get())) == 1,
             "issuer");
    }
    if (failure_) {
        return *failure_;
    }
    const ErrorQueueScope errors;
    if (X509_sign(certificate_.get(), key.get(), signing_digest(key.get())) <= 0) {
        return openssl_failure(Code::internal, "cannot sign the certificate");
    }
    // The result is parsed from the encoded bytes, as a peer will see it, and not taken from the object that
    // was built.
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate_.get(), &der);
    const unsigned char* at = der;
    const X509Ptr parsed(length > 0 ? d2i_X509(nullptr, &at, length) : nullptr);
    OPENSSL_free(der);
    if (!parsed) {
        return openssl_failure(Code::internal, "cannot encode the certificate");
    }
    return Certificate::from_x509(parsed.get());
}

}  // namespace postern::pki
