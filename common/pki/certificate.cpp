#include "pki/certificate.hpp"

#include <array>

#include <openssl/pem.h>

#include "base/file.hpp"
#include "base/hex.hpp"
#include "pki/asn1.hpp"
#include "pki/pem.hpp"

namespace postern::pki {

namespace {

constexpr std::size_t kMaximumCertificates = 64;

using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using Utf8StringPtr = std::unique_ptr<ASN1_UTF8STRING, Freer<ASN1_UTF8STRING_free>>;

Result<Certificate> parse_der(std::string_view der) {
    const ErrorQueueScope errors;
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* const end = at + der.size();
    const X509Ptr parsed(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!parsed) {
        return openssl_failure(Code::malformed_certificate, "not a certificate");
    }
    if (at != end) {
        return Failure{Code::malformed_certificate, "bytes behind the certificate"};
    }
    Certificate certificate = Certificate::from_x509(parsed.get());
    if ((X509_get_extension_flags(parsed.get()) & EXFLAG_INVALID) != 0) {
        return Failure{Code::malformed_certificate,
                       "an extension of " + certificate.subject() + " does not parse"};
    }
    return certificate;
}

bool is_certificate_label(std::string_view label) noexcept {
    return label == PEM_STRING_X509 || label == PEM_STRING_X509_OLD;
}

/// The alternative names of one kind (GEN_DNS, GEN_URI), as raw IA5 bytes.
std::vector<std::string> alternative_names(X509* certificate, int kind) {
    std::vector<std::string> names;
    const ErrorQueueScope errors;
    const GeneralNamesPtr all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
        if (name->type != kind) {
            continue;
        }
        // dNSName and uniformResourceIdentifier are both IA5String members of the same union.
        const ASN1_IA5STRING* text = name->d.ia5;
        names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                           static_cast<std::size_t>(ASN1_STRING_length(text)));
    }
    return names;
}

/// Lower-case hex; empty for null.
std::string hex_of(const ASN1_OCTET_STRING* bytes) {
    if (bytes == nullptr) {
        return {};
    }
    return to_hex({ASN1_STRING_get0_data(bytes), static_cast<std::size_t>(ASN1_STRING_length(bytes))});
}

}  // namespace

Certificate Certificate::from_x509(X509* certificate) {
    X509_up_ref(certificate);
    // OpenSSL parses the extensions at first use and caches the result. Doing it here avoids locks later,
    // when the certificate is shared.
    const ErrorQueueScope errors;
    X509_check_purpose(certificate, -1, 0);
    return Certificate(std::shared_ptr<X509>(certificate, Freer<X509_free>()));
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
    Result<std::vector<Certificate>> certificates = certificates_from_pem(pem);
    if (!certificates) {
        return certificates.error();
    }
    return certificates->front();
}

std::string Certificate::serial() const {
    return serial_text(X509_get0_serialNumber(get()));
}

std::string Certificate::subject() const {
    return name_text(X509_get_subject_name(get()));
}

std::string Certificate::issuer() const {
    return name_text(X509_get_issuer_name(get()));
}

std::string Certificate::common_name() const {
    std::vector<std::string> names = name_values(X509_get_subject_name(get()), NID_commonName);
    return names.size() == 1 ? std::move(names.front()) : std::string();
}

std::vector<std::string> Certificate::organizations() const {
    return name_values(X509_get_subject_name(get()), NID_organizationName);
}

std::vector<std::string> Certificate::dns_names() const {
    return alternative_names(get(), GEN_DNS);
}

std::vector<std::string> Certificate::uris() const {
    return alternative_names(get(), GEN_URI);
}

std::string Certificate::subject_key_id() const {
    return hex_of(X509_get0_subject_key_id(get()));
}

std::string Certificate::authority_key_id() const {
    return hex_of(X509_get0_authority_key_id(get()));
}

SystemTime Certificate::not_before() const {
    return time_from_asn1(X509_get0_notBefore(get())).value_or(SystemTime::max());
}

SystemTime Certificate::not_after() const {
    return time_from_asn1(X509_get0_notAfter(get())).value_or(SystemTime::min());
}

std::string Certificate::fingerprint() const {
    std::array<unsigned char, 32> digest{};
    unsigned int length = 0;
    const ErrorQueueScope errors;
    if (X509_digest(get(), EVP_sha256(), digest.data(), &length) != 1) {
        throw std::bad_alloc();
    }
    return to_hex(digest);
}

std::string Certificate::der() const {
    const ErrorQueueScope errors;
    unsigned char* bytes = nullptr;
    const int length = i2d_X509(get(), &bytes);
    if (length < 0) {
        throw std::bad_alloc();
    }
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return der;
}

std::string Certificate::pem() const {
    const ErrorQueueScope errors;
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_X509(bio.get(), get()) != 1) {
        throw std::bad_alloc();
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(length));
}

bool Certificate::is_ca() const {
    const ErrorQueueScope errors;
    // Other positive values are guesses about certificates of version 1.
    return X509_check_ca(get()) == 1;
}

std::optional<std::string> Certificate::session_id() const {
    const int index = X509_get_ext_by_OBJ(get(), session_oid(), -1);
    if (index < 0 || X509_get_ext_by_OBJ(get(), session_oid(), index) >= 0) {
        return std::nullopt;
    }
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(get(), index));
    const unsigned char* at = ASN1_STRING_get0_data(value);
    const unsigned char* const end = at + ASN1_STRING_length(value);
    const ErrorQueueScope errors;
    const Utf8StringPtr text(d2i_ASN1_UTF8STRING(nullptr, &at, ASN1_STRING_length(value)));
    if (!text || at != end) {
        return std::nullopt;
    }
    std::string session(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text.get())),
                        static_cast<std::size_t>(ASN1_STRING_length(text.get())));
    if (!is_session_id(session)) {
        return std::nullopt;
    }
    return session;
}

Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem) {
    const Result<std::vector<PemBlock>> blocks =
        read_pem(pem, Code::malformed_certificate, kMaximumCertificates);
    if (!blocks) {
        return blocks.error();
    }
    std::vector<Certificate> certificates;
    for (const PemBlock& block : *blocks) {
        if (!is_certificate_label(block.label)) {
            continue;
        }
        Result<Certificate> certificate = parse_der(block.der);
        if (!certificate) {
            return certificate.error();
        }
        certificates.push_back(std::move(*certificate));
    }
    if (certificates.empty()) {
        return Failure{Code::malformed_certificate, "no certificate in the PEM text"};
    }
    return certificates;
}

Result<std::vector<Certificate>> load_certificates(const std::filesystem::path& path) {
    const Result<std::string> pem = read_file(path);
    if (!pem) {
        return pem.error();
    }
    Result<std::vector<Certificate>> certificates = certificates_from_pem(*pem);
    if (!certificates) {
        return with_context(path.string(), certificates.error());
    }
    return certificates;
}

std::string to_pem(const std::vector<Certificate>& certificates) {
    std::string pem;
    for (const Certificate& certificate : certificates) {
        pem += certificate.pem();
    }
    return pem;
}

}  // namespace postern::pki
