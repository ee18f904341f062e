#include "ca-service/api/renewal.hpp"

#include "ca-service/renewal_policy.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"

namespace postern::ca::api {

namespace {

/// What the store knows of the bearer, as it was read in the caller's transaction.
struct Bearer {
    std::optional<store::IssuedCertificate> certificate;
    std::optional<store::Session> session;
    std::optional<store::User> user;
};

Result<Bearer> look_up(store::Database& database, const pki::LoginIdentity& identity) {
    auto certificate = store::find_certificate(database, identity.serial);
    if (!certificate) {
        return certificate.error();
    }
    auto session = store::find_session(database, identity.session_id);
    if (!session) {
        return session.error();
    }
    auto user = store::find_user(database, identity.name);
    if (!user) {
        return user.error();
    }
    return Bearer{std::move(*certificate), std::move(*session), std::move(*user)};
}

/// Returns the bearer if may_renew() allows it.
Result<Bearer> admit(Ca& ca, store::Database& database, const pki::LoginIdentity& identity) {
    if (identity.trust_domain != ca.settings.get()->trust_domain) {
        return Failure{Code::unauthenticated, "the certificate is of another trust domain"};
    }
    auto bearer = look_up(database, identity);
    if (!bearer) {
        return bearer;
    }
    const RenewalFacts facts{.presented = identity,
                             .certificate = bearer->certificate,
                             .session = bearer->session,
                             .user = bearer->user,
                             .now = ca.clock()};
    if (auto judged = may_renew(facts); !judged) {
        return judged.error();
    }
    return bearer;
}

}  // namespace

Result<LoginGrant> renew(Ca& ca, store::Database& database, const Actor& actor,
                         const pki::Certificate& presented, const std::string& csr) {
    const auto identity = pki::login_identity(presented);
    if (!identity) {
        return identity.error();
    }
    const auto key = pki::public_key_from_csr(csr);
    if (!key) {
        return key.error();
    }
    if (auto judged = may_renew_for(presented, *key); !judged) {
        return judged.error();
    }
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    const auto bearer = admit(ca, database, *identity);
    if (!bearer) {
        return bearer.error();
    }
    const SystemTime now = ca.clock();
    if (auto judged = may_issue(ca, database, identity->name, identity->session_id, now); !judged) {
        return judged.error();
    }
    auto grant = issue_login_certificate(ca, database, actor, "certificate.renewed", *key, *bearer->user,
                                         *bearer->session, now);
    if (!grant) {
        return grant;
    }
    if (auto committed = transaction->commit(); !committed) {
        return committed.error();
    }
    return grant;
}

Result<void> log_out(Ca& ca, store::Database& database, const Actor& actor,
                     const pki::Certificate& presented) {
    const auto identity = pki::login_identity(presented);
    if (!identity) {
        return identity.error();
    }
    {
        auto transaction = store::Transaction::read(database);
        if (!transaction) {
            return transaction.error();
        }
        if (const auto bearer = admit(ca, database, *identity); !bearer) {
            if (bearer.error().code == Code::session_ended) {
                return {};
            }
            return bearer.error();
        }
    }
    const store::Revocation revocation{ca.clock(), pki::RevocationReason::cessation_of_operation};
    if (auto ended = end_session(database, ca.audit, actor, identity->session_id, revocation); !ended) {
        return ended.error();
    }
    return {};
}

}  // namespace postern::ca::api
