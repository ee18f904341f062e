// The identity in a verified client certificate, which is read once and shared by all connections that show
// the certificate. A certificate of another trust domain is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

/// What a verified login certificate says.
struct Identity {
    pki::LoginIdentity login;
    /// The certificate's subject in the text form of RFC 4514, for the audit record.
    std::string subject;
    /// The issuer's name and the identifier of its key, which together determine the CRL that covers this
    /// certificate: a CA that was set up anew has the name of the old one. The identifier is in hex, and
    /// empty when the certificate does not contain it.
    std::string issuer;
    std::string issuer_key;
};

/// Immutable. All tunnels of one certificate share one object.
using IdentityPtr = std::shared_ptr<const Identity>;

/// Reads the identity from a verified certificate. Fails with Code::malformed_certificate when it is no login
/// certificate of `trust_domain`.
Result<IdentityPtr> identity_of(const pki::Certificate& certificate, std::string_view trust_domain);

/// Caches the identities of recent certificates, for connections that share one certificate object
/// (net::VerifiedChains). Only the reading is cached; validity, revocation and rules are checked each time.
/// To be used on one thread.
class KnownIdentities {
public:
    /// As identity_of().
    Result<IdentityPtr> of(const pki::Certificate& certificate, std::string_view trust_domain);
    std::size_t size() const noexcept { return known_.size(); }

    /// The cache is emptied when it holds this many.
    static constexpr std::size_t kMost = 1024;

private:
    struct Known {
        /// Keeps the X509 object alive, so that its address, which is the key of the map, cannot become that
        /// of another one.
        pki::Certificate certificate;
        IdentityPtr identity;
    };
    std::unordered_map<const X509*, Known> known_;
};

}  // namespace postern::gateway
