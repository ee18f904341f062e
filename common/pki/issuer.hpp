// Issues certificates and CRLs: every field is decided here (RFC 5280; the profile is in ARCHITECTURE.md).
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

/// What a certificate holds at most: groups of a person; names of a server beside those of the services that
/// it is.
inline constexpr std::size_t kMostGroups = 256;
inline constexpr std::size_t kMostServerNames = 64;
inline constexpr std::size_t kMostServices = 16;

/// What a certificate of an authority is called and how long it lives.
struct AuthorityProfile {
    std::string common_name;
    std::string organization;
    std::chrono::seconds lifetime{};
};

struct KeyAndCertificate {
    PrivateKey key;
    Certificate certificate;
};

struct LoginProfile {
    std::string name;
    std::vector<std::string> groups;
    std::string session_id;
    std::string trust_domain;
    SystemTime not_before;
    SystemTime not_after;
    std::string crl_url;
};

struct ServerProfile {
    std::string common_name;
    /// One; of a PostgreSQL server, one for each service.
    std::vector<std::string> uris;
    /// DNS names and IP addresses in text form; each becomes a SAN of its kind.
    std::vector<std::string> names;
    SystemTime not_before;
    SystemTime not_after;
};

/// A self-signed root (P-256 key made here): keyCertSign, cRLSign, basicConstraints CA.
Result<KeyAndCertificate> make_root(const AuthorityProfile& profile, SystemTime now);
/// An issuing intermediate below `root`, pathlen 0.
Result<KeyAndCertificate> make_intermediate(const KeyAndCertificate& root, const AuthorityProfile& profile,
                                            SystemTime now);

/// An issuing authority: key, its certificate, and what stands above it up to the root. Thread-safe.
class Issuer {
public:
    /// `chain` begins with the issuing certificate and ends with the root. Code::config_invalid unless the
    /// key fits the first certificate and it is a CA.
    static Result<Issuer> make(PrivateKey key, std::vector<Certificate> chain);

    /// Code::malformed_request when a field of the profile is not of its form: name, groups (63 bytes each,
    /// at most 256), session (1 to 64 letters, digits and ._-), trust domain, URL. A certificate that would
    /// outlive the issuing one ends with it; Code::config_invalid when that one has ended.
    ///
    /// EKU clientAuth, KU digitalSignature, 128-bit random serial, AKI, SKI, CRL distribution point.
    Result<Certificate> issue_login(const PublicKey& subject, const LoginProfile& profile) const;
    /// EKU serverAuth. A URI is required; `common_name` has at most 64 bytes; names take no wildcard.
    Result<Certificate> issue_server(const PublicKey& subject, const ServerProfile& profile) const;
    /// build_crl() with this authority's key and name.
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
