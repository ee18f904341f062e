// Builds one X.509 certificate field by field, from typed values and never from OpenSSL's configuration text.
// Whoever uses it decides what goes in: the Issuer keeps to the profile, tests make odd ones.
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

/// Each call adds to the certificate; the first that fails is told by sign(). Order of subject attributes and
/// extensions is the order of the calls.
class CertificateBuilder {
public:
    /// Version 3, with a positive random serial of 128 bits.
    CertificateBuilder();

    /// A subject attribute (NID_commonName, NID_organizationName) as a UTF8String of at most 64 characters.
    CertificateBuilder& subject(int nid, std::string_view value);
    /// The whole subject of another certificate.
    CertificateBuilder& subject_of(const Certificate& other);
    CertificateBuilder& validity(SystemTime not_before, SystemTime not_after);
    CertificateBuilder& public_key(EVP_PKEY* key);
    /// Issuer name and authority key identifier of `issuer`; without this call the certificate is its own
    /// issuer.
    CertificateBuilder& issued_by(const Certificate& issuer);

    /// Critical. `path_length` only for a CA.
    CertificateBuilder& basic_constraints(bool is_ca, std::optional<int> path_length = std::nullopt);
    /// Critical. Bits of RFC 5280, section 4.2.1.3, counted from 0: digitalSignature 0, keyCertSign 5,
    /// cRLSign 6.
    CertificateBuilder& key_usage(const std::vector<int>& bits);
    /// NID_client_auth, NID_server_auth.
    CertificateBuilder& extended_key_usage(int nid);
    /// The first 160 bits of the key's SHA-256 (RFC 7093, section 2, method 1).
    CertificateBuilder& subject_key_identifier();
    /// URIs, then names: each an IP address if it reads as one, a DNS name otherwise. No call when both are
    /// empty.
    CertificateBuilder& alternative_names(const std::vector<std::string>& uris,
                                          const std::vector<std::string>& names);
    CertificateBuilder& crl_distribution_point(std::string_view url);
    /// Postern's extension (kSessionOid).
    CertificateBuilder& session(std::string_view session_id);

    /// The finished certificate, read back from its DER. The builder is of no use after.
    Result<Certificate> sign(const PrivateKey& key);

private:
    void note(bool is_done, std::string_view step);
    void add_extension(int nid, void* value, bool is_critical, std::string_view step);

    X509Ptr certificate_;
    bool has_issuer_ = false;
    std::optional<Failure> failure_;
};

/// The digest to sign with: SHA-384 for P-384, none of its own for Ed25519, else SHA-256.
const EVP_MD* signing_digest(EVP_PKEY* key);

}  // namespace postern::pki
