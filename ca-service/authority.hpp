// The two authorities of one CA as files in its folder: roots, issuing intermediates, bundles. The root keys
// are written once and never read again: they may be taken off the machine.
#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/issuer.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca {

/// Makes both authorities, named after `organization`, in a folder that has none: root for ten years, issuing
/// for two.
Result<void> create_authorities(const std::filesystem::path& directory, const std::string& organization,
                                SystemTime now);

/// Immutable and thread-safe.
class Authority {
public:
    /// Reads the issuing keys and the certificates. Code::config_invalid when a key may be read by others or
    /// does not fit its certificate.
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

/// What desktops and gateways pin at first contact: "sha256:<hex>" of the server root's certificate. Needs no
/// key.
Result<std::string> server_root_pin(const std::filesystem::path& directory);

/// A certificate's end: `lifetime` from now, but never beyond what it hangs on.
SystemTime bounded_end(SystemTime now, std::chrono::milliseconds lifetime, const pki::Issuer& issuer);

/// The names of all files that create_authorities() makes.
const std::vector<std::string>& authority_files();

}  // namespace postern::ca
