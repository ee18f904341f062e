// The CA's two authorities (for users and for servers) as files in its folder: roots, issuing intermediates,
// bundles. The root keys are written once and never read again, so they may be moved off the machine.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/issuer.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca {

/// Creates both authorities, named after `organization`, in a folder that has none. The roots are valid for
/// ten years, the issuing certificates for two.
Result<void> create_authorities(const std::filesystem::path& directory, const std::string& organization,
                                SystemTime now);

/// The two authorities, ready to sign. Immutable and thread-safe.
class Authority {
public:
    /// Reads the issuing keys and the certificates. Fails with Code::config_invalid when other accounts may
    /// read a key or when a key does not fit its certificate.
    static Result<Authority> load(const std::filesystem::path& directory);

    /// Signs login certificates and the CRL.
    const pki::Issuer& users() const noexcept { return users_; }
    /// Signs the certificates of servers.
    const pki::Issuer& servers() const noexcept { return servers_; }
    const pki::TrustBundle& user_bundle() const noexcept { return user_bundle_; }
    const pki::TrustBundle& server_bundle() const noexcept { return server_bundle_; }

private:
    Authority(pki::Issuer users, pki::Issuer servers, pki::TrustBundle user_bundle,
              pki::TrustBundle server_bundle);

    pki::Issuer users_;
    pki::Issuer servers_;
    pki::TrustBundle user_bundle_;
    pki::TrustBundle server_bundle_;
};

/// Returns what desktops and gateways pin at first contact: "sha256:<hex>" of the server root's certificate.
/// Reads no key.
Result<std::string> server_root_pin(const std::filesystem::path& directory);

/// Returns the end of a certificate that `issuer` signs at `now`: `lifetime` later, but no later than the end
/// of any certificate in the issuer's chain.
SystemTime bounded_end(SystemTime now, std::chrono::milliseconds lifetime, const pki::Issuer& issuer);

/// Returns the names of all files that create_authorities() makes.
const std::vector<std::string>& authority_files();

}  // namespace postern::ca
