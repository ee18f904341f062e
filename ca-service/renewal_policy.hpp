// Who may have a login certificate renewed, or end its session: the one place that decides it. What the store
// does not know is refused.
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
    /// What the store says of its serial, its session and its user; nothing when it knows none.
    const std::optional<store::IssuedCertificate>& certificate;
    const std::optional<store::Session>& session;
    const std::optional<store::User>& user;
    SystemTime now;
};

/// Code::unauthenticated for a certificate that the store does not know or knows otherwise,
/// Code::user_disabled, Code::session_ended or Code::revoked.
Result<void> may_renew(const RenewalFacts& facts);

/// A renewal goes on with the key that proved itself in the handshake: whoever could use a login's key for a
/// moment must not leave with a certificate for one of his own. Code::policy_denied for another key.
Result<void> may_renew_for(const pki::Certificate& presented, const pki::PublicKey& asked);

}  // namespace postern::ca
