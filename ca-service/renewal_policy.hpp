// Decides who may renew a login certificate or end its session. Nothing else does. What the store does not
// know is refused.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"

namespace postern::ca {

struct RenewalFacts {
    /// What the verified (perhaps expired) certificate says.
    const pki::LoginIdentity& presented;
    /// What the store knows of the certificate's serial, its session and its user; empty where it knows
    /// nothing.
    const std::optional<store::IssuedCertificate>& certificate;
    const std::optional<store::Session>& session;
    const std::optional<store::User>& user;
    SystemTime now;
};

/// Fails with Code::unauthenticated when the store does not know the certificate or knows it as another's,
/// with Code::user_disabled or Code::session_ended, with the code of the revocation's reason when the
/// certificate is revoked, and with Code::not_yet_valid.
Result<void> may_renew(const RenewalFacts& facts);

/// Checks that a renewal is for the key that was proven in the handshake: somebody who could use a login's
/// key for a moment must not leave with a certificate for a key of their own. Fails with Code::policy_denied
/// for another key.
Result<void> may_renew_for(const pki::Certificate& presented, const pki::PublicKey& asked);

}  // namespace postern::ca
