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

/// Shares one immutable X509; copies are cheap; safe to use from several threads.
class Certificate {
public:
    /// Takes a reference on `certificate`, which must not be null.
    static Certificate from_x509(X509* certificate);
    static Result<Certificate> from_pem(std::string_view pem);

    /// Lower-case hex without separators, at least two digits: "3f09…".
    std::string serial() const;
    /// RFC 4514 text, most specific first: "CN=alice,O=analysts".
    std::string subject() const;
    std::string issuer() const;
    /// The only CN of the subject; empty when there is none or more than one, or it holds a NUL.
    std::string common_name() const;
    /// Every O of the subject, in order.
    std::vector<std::string> organizations() const;
    std::vector<std::string> dns_names() const;
    std::vector<std::string> uris() const;
    /// The key's name that the certificate bears itself, and that of the key which signed it (RFC 5280,
    /// sections 4.2.1.2 and 4.2.1.1), as lower-case hex; empty when absent.
    std::string subject_key_id() const;
    std::string authority_key_id() const;
    /// SystemTime::max() and min() when what stands there is no time.
    SystemTime not_before() const;
    SystemTime not_after() const;
    /// Lower-case hex SHA-256 of the DER.
    std::string fingerprint() const;
    std::string der() const;
    std::string pem() const;
    bool is_ca() const;
    /// Postern's extension that names the login session (see issuer.hpp); nothing when absent or malformed.
    std::optional<std::string> session_id() const;

    X509* get() const noexcept { return certificate_.get(); }

private:
    explicit Certificate(std::shared_ptr<X509> certificate) : certificate_(std::move(certificate)) {}
    std::shared_ptr<X509> certificate_;
};

/// Every certificate of a PEM text, in order; Code::malformed_certificate when there is none, or text between
/// the markers does not parse. At most 64.
Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem);
Result<std::vector<Certificate>> load_certificates(const std::filesystem::path& path);
std::string to_pem(const std::vector<Certificate>& certificates);

}  // namespace postern::pki
