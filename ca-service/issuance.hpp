// Makes certificates: a login certificate within its session, with names and groups from the store and never
// beyond the session's end; a server's certificate for what the server is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/catalogue.hpp"
#include "ca-service/store/database.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "pki/certificate.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"

namespace postern::ca {

/// What a login or a renewal hands out.
struct LoginGrant {
    pki::Certificate certificate;
    /// From here on the certificate should be renewed: two thirds of its life.
    SystemTime renew_after{};
    store::User user;
    store::Session session;
    /// What the login's desktop is told of.
    std::vector<ListedService> services;
};

/// Whether the session and its user may be given one more: Code::limit_reached when either was given its
/// bound of certificates (config: certificates_per_session, certificates_per_user) within half a
/// certificate's life. Every one is written to the log when it is revoked, so that nobody may gather them
/// without end; and half a life, since a login that reached its bound must be able to renew before its last
/// one ends. Call inside the write transaction that issues.
Result<void> may_issue(const Ca& ca, store::Database& database, const std::string& user,
                       const std::string& session_id, SystemTime now);

/// Signs, stores, and records as one change, under `action` ("certificate.issued" or "certificate.renewed"),
/// behind `records`. Nothing is recorded before all else is done: what the log tells of and the store lacks
/// would be finished as an interrupted change. Call inside a write transaction, and commit it next: the
/// certificate must not leave before. Code::session_ended when less than a second is left; Code::internal
/// where what the store holds fits no certificate.
Result<LoginGrant> issue_login_certificate(Ca& ca, store::Database& database, const Actor& actor,
                                           std::string action, const pki::PublicKey& key,
                                           const store::User& user, const store::Session& session,
                                           SystemTime now, std::vector<audit::Record> records = {});

inline constexpr std::string_view kServiceCommonName = "Postern CA service";

/// What a server's certificate says of it.
struct ServerSubject {
    pki::ServerKind kind = pki::ServerKind::gateway;
    /// The gateway's or the CA service's own; of a PostgreSQL server one for each service that it is.
    std::vector<std::string> names;
    /// DNS names and IP addresses by which it is reached.
    std::vector<std::string> dns_names;
};

/// The DNS names and addresses of its certificate: the services' own (pki::service_host()) and those by which
/// the server is reached.
std::vector<std::string> alternative_names(const ServerSubject& subject, std::string_view trust_domain);

/// Whether there may be a certificate of that subject. A name of the form pki::service_host() belongs to its
/// service alone, as a DNS name and as a CN (which some programs compare): Code::policy_denied.
Result<void> may_bear(const ServerSubject& subject, std::string_view trust_domain);

/// For the server's key, if it may_bear() that: alternative_names() become SANs beside
/// spiffe://<trust domain>/<kind>/<name>. The CN is the name of the gateway or of the first service, and for
/// the CA service always the same: its names may be longer than a CN may be.
Result<pki::Certificate> issue_server_certificate(const Authority& authority, const Config& config,
                                                  const pki::PublicKey& key, const ServerSubject& subject,
                                                  SystemTime now);

}  // namespace postern::ca
