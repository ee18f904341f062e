// The certificates of one authority that a program trusts, and the verification of chains against them (RFC
// 5280, section 6). An empty bundle cannot be built.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

/// The extended key usage that a leaf must have.
enum class Purpose { client_auth, server_auth };

/// The Code for an X509_V_ERR_* value: expired, not_yet_valid, unknown_issuer, self_signed, wrong_purpose and
/// so on.
Code code_of_verify_error(int x509_v_err) noexcept;

/// Immutable and thread-safe. The self-signed certificates of the bundle are trust anchors; the others are
/// intermediates for building chains.
class TrustBundle {
public:
    /// Parses a bundle. Fails with Code::malformed_certificate when a certificate is not that of a CA or none
    /// is self-signed.
    static Result<TrustBundle> from_pem(std::string_view pem);
    /// Reads a bundle from a file. Fails as read_file() and from_pem() do.
    static Result<TrustBundle> load(const std::filesystem::path& path);

    /// Verifies `leaf` with the peer's `intermediates` at time `now`: signatures, validity, basicConstraints,
    /// and check_leaf() for `purpose` (an absent EKU is Code::wrong_purpose). Fails with the code of
    /// code_of_verify_error(), and with Code::malformed_certificate for more than kMaximumDepth
    /// intermediates.
    Result<void> verify(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                        Purpose purpose, SystemTime now) const;

    const std::vector<Certificate>& certificates() const noexcept { return certificates_; }
    std::string pem() const;
    /// The certificate of the bundle whose subject is the issuer of `certificate` and whose key signed it.
    /// Fails with Code::unknown_issuer.
    Result<Certificate> issuer_of(const Certificate& certificate) const;
    /// The certificates as an OpenSSL store, still owned.
    X509_STORE* store() const noexcept { return store_.get(); }

private:
    TrustBundle() = default;
    std::vector<Certificate> certificates_;
    std::shared_ptr<X509_STORE> store_;
};

}  // namespace postern::pki
