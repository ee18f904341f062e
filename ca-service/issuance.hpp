// Issues certificates. A login certificate takes its names and groups from the store and never lasts longer
// than its login session; a server's certificate says what the server is.
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

/// The result of a login or a renewal.
struct LoginGrant {
    pki::Certificate certificate;
    /// When the certificate should be renewed: after two thirds of its life.
    SystemTime renew_after{};
    store::User user;
    store::Session session;
    /// The services that the user's desktop is told of.
    std::vector<ListedService> services;
};

/// Checks whether the session and its user may be issued one more certificate. Fails with Code::limit_reached
/// when either was issued its bound of certificates (settings certificates_per_session and
/// certificates_per_user) within half a certificate's life. There is a bound because each certificate is
/// written to the log when it is revoked, so that nobody may collect them without end. It counts half a life
/// so that a login that reached its bound can renew before its last certificate ends. Call it inside the
/// write transaction that issues.
Result<void> may_issue(const Ca& ca, store::Database& database, const std::string& user,
                       const std::string& session_id, SystemTime now);

/// Signs a login certificate, stores it and records it as one change: first `records`, then the certificate
/// under `action` ("certificate.issued" or "certificate.renewed"). The records are written last, because a
/// change that the log has and the store lacks would be finished as an interrupted one.
///
/// Call it inside a write transaction and commit that next: the certificate must not leave the service
/// before. Fails with Code::session_ended when less than a second of the session is left, with Code::internal
/// when what the store holds fits no certificate, and with Code::audit_unavailable.
Result<LoginGrant> issue_login_certificate(Ca& ca, store::Database& database, const Actor& actor,
                                           std::string action, const pki::PublicKey& key,
                                           const store::User& user, const store::Session& session,
                                           SystemTime now, std::vector<audit::Record> records = {});

/// The CN of every CA service's own certificate.
inline constexpr std::string_view kServiceCommonName = "Postern CA service";

/// What a server's certificate says about the server.
struct ServerSubject {
    pki::ServerKind kind = pki::ServerKind::gateway;
    /// The name of the gateway or of the CA service; for a PostgreSQL server, a name for each service that it
    /// is.
    std::vector<std::string> names;
    /// The DNS names and IP addresses by which the server is reached.
    std::vector<std::string> dns_names;
};

/// Returns the DNS names and addresses for the server's certificate, each once: the services' own
/// (pki::service_host()), then those by which the server is reached.
std::vector<std::string> alternative_names(const ServerSubject& subject, std::string_view trust_domain);

/// Checks whether there may be a certificate of `subject`. A name of the form pki::service_host() belongs to
/// its service alone, as a DNS name and as a CN (which some programs compare). Fails with
/// Code::policy_denied.
Result<void> may_bear(const ServerSubject& subject, std::string_view trust_domain);

/// Signs a certificate for the server's `key`, if may_bear() allows `subject`. The SANs are
/// alternative_names() and a spiffe://<trust domain>/<kind>/<name> for each name. The CN is the name of the
/// gateway or of the first service. For the CA service it is kServiceCommonName, since its names may be
/// longer than a CN may be. Fails with Code::policy_denied or Code::internal.
Result<pki::Certificate> issue_server_certificate(const Authority& authority, const Config& config,
                                                  const pki::PublicKey& key, const ServerSubject& subject,
                                                  SystemTime now);

}  // namespace postern::ca
