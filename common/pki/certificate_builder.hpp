// Builds one X.509 certificate field by field, from typed values and never from OpenSSL's configuration text.
// The caller decides what it contains: the Issuer follows the profile, and tests also build unusual ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// Each call adds to the certificate; sign() reports the first that failed. Subject attributes and extensions
/// have the order of the calls. Not thread-safe.
class CertificateBuilder {
public:
    /// Begins a certificate of version 3 with a positive random serial of 128 bits.
    CertificateBuilder();

    /// Adds a subject attribute (NID_commonName, NID_organizationName) as a UTF8String of 1 to 64 bytes.
    CertificateBuilder& subject(int nid, std::string_view value);
    /// Copies the whole subject of another certificate.
    CertificateBuilder& subject_of(const Certificate& other);
    CertificateBuilder& validity(SystemTime not_before, SystemTime not_after);
    CertificateBuilder& public_key(EVP_PKEY* key);
    /// Sets the issuer name and the authority key identifier from `issuer`. Without this call the certificate
    /// is its own issuer.
    CertificateBuilder& issued_by(const Certificate& issuer);

    /// Adds a critical basicConstraints. `path_length` is only for a CA.
    CertificateBuilder& basic_constraints(bool is_ca, std::optional<int> path_length = std::nullopt);
    /// Adds a critical keyUsage. The bits are those of RFC 5280, section 4.2.1.3, counted from 0:
    /// digitalSignature 0, keyCertSign 5, cRLSign 6.
    CertificateBuilder& key_usage(const std::vector<int>& bits);
    /// Adds an extendedKeyUsage: NID_client_auth or NID_server_auth.
    CertificateBuilder& extended_key_usage(int nid);
    /// Adds a subjectKeyIdentifier: the first 160 bits of the SHA-256 digest of the key, which must have been
    /// set (RFC 7093, section 2, method 1).
    CertificateBuilder& subject_key_identifier();
    /// Adds a subjectAltName with the URIs and then the names: each is an IP address if it parses as one, and
    /// a DNS name otherwise. Does nothing when both are empty.
    CertificateBuilder& alternative_names(const std::vector<std::string>& uris,
                                          const std::vector<std::string>& names);
    CertificateBuilder& crl_distribution_point(std::string_view url);
    /// Adds Postern's extension for the login session (kSessionOid).
    CertificateBuilder& session(std::string_view session_id);

    /// Signs the certificate and returns it as parsed from its DER. Fails with Code::malformed_request if an
    /// earlier call failed, and with Code::internal if OpenSSL cannot sign. The builder must not be used
    /// again.
    Result<Certificate> sign(const PrivateKey& key);

private:
    void note(bool is_done, std::string_view step);
    void add_extension(int nid, void* value, bool is_critical, std::string_view step);

    X509Ptr certificate_;
    bool has_issuer_ = false;
    std::optional<Failure> failure_;
};

/// The digest for signatures with `key`: SHA-384 for P-384, null for Ed25519, which has its own, and SHA-256
/// otherwise.
const EVP_MD* signing_digest(EVP_PKEY* key);

}  // namespace postern::pki
