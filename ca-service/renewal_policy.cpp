#include "ca-service/renewal_policy.hpp"

namespace postern::ca {

Result<void> may_renew(const RenewalFacts& facts) {
    const pki::LoginIdentity& presented = facts.presented;
    if (!facts.certificate || !facts.session) {
        return Failure{Code::unauthenticated, "the store does not know this certificate"};
    }
    const store::IssuedCertificate& known = *facts.certificate;
    if (known.serial != presented.serial || known.user != presented.name ||
        known.session_id != presented.session_id || facts.session->id != presented.session_id ||
        facts.session->user != presented.name) {
        return Failure{Code::unauthenticated, "the store knows this certificate as another's"};
    }
    if (!facts.user || facts.user->name != presented.name) {
        return Failure{Code::user_disabled, "the user does not exist any more"};
    }
    if (facts.user->is_disabled) {
        return Failure{Code::user_disabled, "the user is disabled"};
    }
    if (known.revocation) {
        return Failure{pki::code_of(known.revocation->reason), "the certificate is revoked"};
    }
    if (!facts.session->is_live(facts.now)) {
        return Failure{Code::session_ended, facts.session->ended_at ? "the login session was ended"
                                                                    : "the login session has expired"};
    }
    if (facts.now < presented.not_before) {
        return Failure{Code::not_yet_valid, "the certificate is not valid yet"};
    }
    return {};
}

Result<void> may_renew_for(const pki::Certificate& presented, const pki::PublicKey& asked) {
    const pki::ErrorQueueScope errors;
    EVP_PKEY* const shown = X509_get0_pubkey(presented.get());
    if (shown == nullptr || EVP_PKEY_eq(shown, asked.get()) != 1) {
        return Failure{Code::policy_denied, "the request is for another key than that of the certificate"};
    }
    return {};
}

}  // namespace postern::ca
