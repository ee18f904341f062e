// An X.509 certificate, parsed once and immutable (RFC 5280).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// Shares one immutable X509. Copies are cheap. Thread-safe.
class Certificate {
public:
    /// Takes a reference to `certificate`, which must not be null.
    static Certificate from_x509(X509* certificate);
    /// The first certificate of a PEM text. Fails as certificates_from_pem() does.
    static Result<Certificate> from_pem(std::string_view pem);

    /// Lower-case hex without separators, at least two digits: "3f09…".
    std::string serial() const;
    /// RFC 4514 text, the most specific attribute first: "CN=alice,O=analysts".
    std::string subject() const;
    std::string issuer() const;
    /// The only CN of the subject; empty when there is none, or more than one, or it contains a NUL.
    std::string common_name() const;
    /// Every O of the subject, in order.
    std::vector<std::string> organizations() const;
    std::vector<std::string> dns_names() const;
    std::vector<std::string> uris() const;
    /// The subject key identifier and the authority key identifier (RFC 5280, sections 4.2.1.2 and 4.2.1.1)
    /// as lower-case hex; empty when absent.
    std::string subject_key_id() const;
    std::string authority_key_id() const;
    /// The validity period. If a time is invalid, not_before() is SystemTime::max() and not_after() is
    /// SystemTime::min().
    SystemTime not_before() const;
    SystemTime not_after() const;
    /// The SHA-256 digest of the DER in lower-case hex.
    std::string fingerprint() const;
    std::string der() const;
    std::string pem() const;
    /// Whether it is a CA certificate by its basicConstraints and, if present, its keyUsage.
    bool is_ca() const;
    /// The login session in Postern's extension (kSessionOid in asn1.hpp); empty when it is absent or
    /// malformed.
    std::optional<std::string> session_id() const;

    /// The OpenSSL object, still owned.
    X509* get() const noexcept { return certificate_.get(); }

private:
    explicit Certificate(std::shared_ptr<X509> certificate) : certificate_(std::move(certificate)) {}
    std::shared_ptr<X509> certificate_;
};

/// All certificates of a PEM text in order, at most 64. Other PEM blocks are skipped. Fails with
/// Code::malformed_certificate when there is none, or a block is damaged.
Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem);
/// Reads a file of certificates. Fails as read_file() and certificates_from_pem() do.
Result<std::vector<Certificate>> load_certificates(const std::filesystem::path& path);
std::string to_pem(const std::vector<Certificate>& certificates);

}  // namespace postern::pki
