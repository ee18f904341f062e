// Issues certificates and CRLs. Every field is decided here (RFC 5280; the profile is in ARCHITECTURE.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/crl_builder.hpp"
#include "pki/key.hpp"

namespace postern::pki {

/// The limits of a certificate: the groups of a person, the names of a server in addition to those of its
/// services, and the services of a server.
inline constexpr std::size_t kMostGroups = 256;
inline constexpr std::size_t kMostServerNames = 64;
inline constexpr std::size_t kMostServices = 16;

/// The name and the lifetime of a CA certificate.
struct AuthorityProfile {
    std::string common_name;
    std::string organization;
    std::chrono::seconds lifetime{};
};

/// A private key and the certificate for it.
struct KeyAndCertificate {
    PrivateKey key;
    Certificate certificate;
};

/// The fields of a login certificate.
struct LoginProfile {
    std::string name;
    std::vector<std::string> groups;
    std::string session_id;
    std::string trust_domain;
    SystemTime not_before;
    SystemTime not_after;
    /// Empty for a certificate without a CRL distribution point.
    std::string crl_url;
};

/// The fields of a server certificate.
struct ServerProfile {
    std::string common_name;
    /// The SPIFFE URIs: one, or for a PostgreSQL server one for each service.
    std::vector<std::string> uris;
    /// DNS names and IP addresses as text; each becomes a SAN of its kind.
    std::vector<std::string> names;
    SystemTime not_before;
    SystemTime not_after;
};

/// Makes a self-signed root with a new P-256 key: keyCertSign, cRLSign, basicConstraints CA. Valid from a
/// minute before `now`.
Result<KeyAndCertificate> make_root(const AuthorityProfile& profile, SystemTime now);
/// Makes an issuing intermediate below `root`, with a new P-256 key and pathlen 0. It does not outlive the
/// root.
Result<KeyAndCertificate> make_intermediate(const KeyAndCertificate& root, const AuthorityProfile& profile,
                                            SystemTime now);

/// An issuing authority: its key, its certificate, and the certificates above it up to the root. Thread-safe.
class Issuer {
public:
    /// `chain` begins with the issuing certificate and ends with the root. Fails with Code::config_invalid
    /// unless the key belongs to the first certificate, each is a CA certificate, and each was issued by the
    /// next.
    static Result<Issuer> make(PrivateKey key, std::vector<Certificate> chain);

    /// Issues a login certificate: EKU clientAuth, KU digitalSignature, 128-bit random serial, AKI, SKI, CRL
    /// distribution point. If it would outlive the issuing certificate, it ends with that one.
    ///
    /// Fails with Code::malformed_request when a field of the profile is invalid: name, groups (63 bytes
    /// each, at most 256), session (1 to 64 letters, digits and ._-), trust domain or URL; and with
    /// Code::config_invalid when the issuing certificate has expired.
    Result<Certificate> issue_login(const PublicKey& subject, const LoginProfile& profile) const;
    /// Issues a server certificate: EKU serverAuth, otherwise as issue_login(), without a CRL distribution
    /// point. At least one URI is required; `common_name` has at most 64 bytes; names with wildcards are
    /// refused.
    Result<Certificate> issue_server(const PublicKey& subject, const ServerProfile& profile) const;
    /// Calls build_crl() with this authority's key and name.
    Result<std::string> issue_crl(std::uint64_t number, SystemTime this_update, SystemTime next_update,
                                  const std::vector<RevokedSerial>& revoked) const;
    Result<std::string> issue_crl(const CrlProfile& profile, const std::vector<RevokedSerial>& revoked) const;

    const std::vector<Certificate>& chain() const noexcept { return chain_; }
    const PrivateKey& key() const noexcept { return key_; }

private:
    Issuer(PrivateKey key, std::vector<Certificate> chain) : key_(std::move(key)), chain_(std::move(chain)) {}
    PrivateKey key_;
    std::vector<Certificate> chain_;
};

}  // namespace postern::pki
