// Who stands at the gate: what a verified client certificate says, read once and shared by everything that
// its bearer opens. Refuses a certificate of another trust domain.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

struct Identity {
    pki::LoginIdentity login;
    /// RFC 4514 text, for the audit record; the issuer also says which CRL speaks of this certificate.
    std::string subject;
    std::string issuer;
};

/// Immutable; tunnels of one certificate share one.
using IdentityPtr = std::shared_ptr<const Identity>;

/// Code::malformed_certificate when the certificate is no login certificate of `trust_domain`.
Result<IdentityPtr> identity_of(const pki::Certificate& certificate, std::string_view trust_domain);

}  // namespace postern::gateway
