#include "ca-service/api/login.hpp"

#include <chrono>

#include "base/connection_id.hpp"
#include "ca-service/login_policy.hpp"
#include "ca-service/store/familiar_places.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"

namespace postern::ca::api {

namespace {

/// The user, and whether the password fits, as the store said before the transaction.
struct Verified {
    std::optional<store::User> user;
    bool password_matches = false;
    /// Set when the stored hash should be replaced.
    std::string renewed_hash;
};

Result<Verified> verify(Ca& ca, store::Database& database, const LoginBody& body) {
    Verified verified;
    // A name that is no login name is nobody's. It takes the same work and gets the same answer.
    if (pki::is_login_name(body.username)) {
        auto user = store::find_user(database, body.username);
        if (!user) {
            return user.error();
        }
        verified.user = std::move(*user);
    }
    const std::string hash = verified.user ? verified.user->password_hash : "";
    const auto prepared = prepare_password(body.password);
    const Secret& password = prepared ? *prepared : body.password;
    verified.password_matches = ca.passwords.verify(hash, password);
    bool is_outdated = ca.passwords.needs_rehash(hash);
    if (!verified.password_matches && password.reveal() != body.password.reveal()) {
        // The password may have been set as it was typed, before passwords were prepared.
        verified.password_matches = ca.passwords.verify(hash, body.password);
        is_outdated = true;
    }
    if (verified.password_matches && is_outdated) {
        verified.renewed_hash = ca.passwords.hash(password);
    }
    return verified;
}

Result<LoginGrant> open_session(Ca& ca, store::Database& database, const Actor& actor,
                                const Verified& verified, const pki::PublicKey& key) {
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    // The user is read again under the lock, because they may have been disabled, or the password changed,
    // while the hash was computed.
    const auto user = store::find_user(database, verified.user->name);
    if (!user) {
        return user.error();
    }
    const bool is_same_password = *user && (*user)->password_hash == verified.user->password_hash;
    const LoginFacts facts{.user = *user, .password_matches = verified.password_matches && is_same_password};
    if (auto judged = may_log_in(facts); !judged) {
        return judged.error();
    }
    const SystemTime now = ca.clock();
    store::Session session;
    session.id = new_connection_id();
    session.user = (*user)->name;
    session.created_at = now;
    session.expires_at = now + ca.settings.get()->session_lifetime;
    if (auto judged = may_issue(ca, database, session.user, session.id, now); !judged) {
        return judged.error();
    }
    if (auto added = store::add_session(database, session); !added) {
        return added.error();
    }
    if (!verified.renewed_hash.empty()) {
        auto replaced = store::replace_password_hash(database, session.user, (*user)->password_hash,
                                                     verified.renewed_hash);
        if (!replaced) {
            return replaced.error();
        }
    }
    const store::FamiliarPlace place{session.user, throttled_network(actor.source_ip)};
    if (auto noted = store::note_familiar_place(database, place, now); !noted) {
        return noted.error();
    }
    audit::Record record = record_of(actor, "login.succeeded");
    record.user = session.user;
    record.groups = (*user)->groups;
    record.session_id = session.id;
    auto grant = issue_login_certificate(ca, database, actor, "certificate.issued", key, **user, session, now,
                                         {std::move(record)});
    if (!grant) {
        return grant;
    }
    if (auto committed = transaction->commit(); !committed) {
        return committed.error();
    }
    return grant;
}

Result<LoginGrant> judge(Ca& ca, store::Database& database, const Actor& actor, const LoginBody& body) {
    const auto key = pki::public_key_from_csr(body.csr);
    if (!key) {
        return key.error();
    }
    const auto verified = verify(ca, database, body);
    if (!verified) {
        return verified.error();
    }
    const LoginFacts facts{.user = verified->user, .password_matches = verified->password_matches};
    if (auto judged = may_log_in(facts); !judged) {
        return judged.error();
    }
    return open_session(ca, database, actor, *verified, *key);
}

}  // namespace

Result<LoginGrant> log_in(Ca& ca, store::Database& database, const Actor& actor, const LoginBody& body,
                          const LoginThrottle::Attempt& attempt) {
    auto grant = judge(ca, database, actor, body);
    if (grant) {
        ca.throttle.succeeded(attempt, std::chrono::steady_clock::now());
        return grant;
    }
    const Failure failure = grant.error();
    if (failure.code != Code::unauthenticated && failure.code != Code::malformed_request) {
        // The password was right, or this service failed: that is no guess. A request that cannot be read
        // stays charged, since somebody could send such requests without end.
        ca.throttle.refund(attempt, std::chrono::steady_clock::now());
    }
    return failure;
}

}  // namespace postern::ca::api
