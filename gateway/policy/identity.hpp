// Who stands at the gate: what a verified client certificate says, read once and shared by everything that
// its bearer opens. Refuses a certificate of another trust domain.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

struct Identity {
    pki::LoginIdentity login;
    /// RFC 4514 text, for the audit record.
    std::string subject;
    /// Which CRL speaks of this certificate: the issuer's name, and its key, since an authority that was made
    /// anew bears the same name. Hex; empty when the certificate does not say.
    std::string issuer;
    std::string issuer_key;
};

/// Immutable; tunnels of one certificate share one.
using IdentityPtr = std::shared_ptr<const Identity>;

/// Code::malformed_certificate when the certificate is no login certificate of `trust_domain`.
Result<IdentityPtr> identity_of(const pki::Certificate& certificate, std::string_view trust_domain);

/// Remembers what the certificates that were shown last say, for connections that share one
/// (net::VerifiedChains). Reading is not judging: validity, revocation and rules are looked at each time. To
/// be used on one thread.
class KnownIdentities {
public:
    /// As identity_of().
    Result<IdentityPtr> of(const pki::Certificate& certificate, std::string_view trust_domain);
    std::size_t size() const noexcept { return known_.size(); }

    /// When there are so many, all is forgotten.
    static constexpr std::size_t kMost = 1024;

private:
    struct Known {
        /// Keeps the address, by which it is found, from being another one's.
        pki::Certificate certificate;
        IdentityPtr identity;
    };
    std::unordered_map<const X509*, Known> known_;
};

}  // namespace postern::gateway
