#include "ca-service/issuance.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ca-service/store/certificates.hpp"

namespace postern::ca {

namespace {

/// Certificates are backdated, because the clocks of other machines may be behind.
constexpr std::chrono::seconds kBackdate{60};

/// Returns Code::internal for a certificate that cannot be made. Of the request only the key counts, and that
/// has been read, so the client is not told to ask in another way.
Failure our_fault(const Failure& failure) {
    return Failure{Code::internal, "cannot make the certificate: " + failure.detail};
}

}  // namespace

Result<void> may_issue(const Ca& ca, store::Database& database, const std::string& user,
                       const std::string& session_id, SystemTime now) {
    const auto config = ca.settings.get();
    const auto lately =
        store::certificates_issued(database, user, session_id, now - config->certificate_lifetime / 2, now);
    if (!lately) {
        return lately.error();
    }
    if (lately->to_session >= config->certificates_per_session) {
        return Failure{
            Code::limit_reached,
            fmt::format("the session was given {} certificates within half a life", lately->to_session)};
    }
    if (lately->to_user >= config->certificates_per_user) {
        return Failure{Code::limit_reached,
                       fmt::format("the user was given {} certificates within half a life", lately->to_user)};
    }
    return {};
}

Result<LoginGrant> issue_login_certificate(Ca& ca, store::Database& database, const Actor& actor,
                                           std::string action, const pki::PublicKey& key,
                                           const store::User& user, const store::Session& session,
                                           SystemTime now, std::vector<audit::Record> records) {
    const auto config = ca.settings.get();
    const SystemTime end =
        std::min(bounded_end(now, config->certificate_lifetime, ca.authority.users()), session.expires_at);
    // Certificates count in whole seconds.
    const SystemTime not_after = std::chrono::floor<std::chrono::seconds>(end);
    if (not_after <= now) {
        return Failure{Code::session_ended, "nothing is left of the login session"};
    }
    pki::LoginProfile profile;
    profile.name = user.name;
    profile.groups = user.groups;
    profile.session_id = session.id;
    profile.trust_domain = config->trust_domain;
    profile.not_before = std::chrono::floor<std::chrono::seconds>(now - kBackdate);
    profile.not_after = not_after;
    profile.crl_url = config->crl_url;
    const auto leaf = ca.authority.users().issue_login(key, profile);
    if (!leaf) {
        return our_fault(leaf.error());
    }
    store::IssuedCertificate issued;
    issued.serial = leaf->serial();
    issued.user = user.name;
    issued.session_id = session.id;
    issued.not_before = leaf->not_before();
    issued.not_after = leaf->not_after();
    issued.issued_at = now;
    if (auto stored = store::add_certificate(database, issued); !stored) {
        return stored.error();
    }
    audit::Record record = record_of(actor, std::move(action));
    describe(record, issued);
    record.groups = user.groups;
    record.certificate_subject = leaf->subject();
    record.certificate_issuer = leaf->issuer();
    record.certificate_sha256 = leaf->fingerprint();
    auto services = listed_services(database, *config, now);
    if (!services) {
        return services.error();
    }
    records.push_back(std::move(record));
    if (auto begun = begin_change(database, records); !begun) {
        return begun.error();
    }
    if (auto written = ca.audit.append(records); !written) {
        return written.error();
    }
    return LoginGrant{*leaf, now + (issued.not_after - now) * 2 / 3, user, session, *std::move(services)};
}

std::vector<std::string> alternative_names(const ServerSubject& subject, std::string_view trust_domain) {
    std::vector<std::string> all;
    const auto add = [&](const std::string& name) {
        if (!name.empty() && std::find(all.begin(), all.end(), name) == all.end()) {
            all.push_back(name);
        }
    };
    if (subject.kind == pki::ServerKind::service) {
        for (const std::string& service : subject.names) {
            add(pki::service_host(trust_domain, service));
        }
    }
    for (const std::string& name : subject.dns_names) {
        add(name);
    }
    return all;
}

Result<void> may_bear(const ServerSubject& subject, std::string_view trust_domain) {
    const auto is_own = [&](const std::string& name) {
        return subject.kind == pki::ServerKind::service &&
               std::any_of(subject.names.begin(), subject.names.end(), [&](const std::string& service) {
                   return name == pki::service_host(trust_domain, service);
               });
    };
    for (const auto* names : {&subject.dns_names, &subject.names}) {
        for (const std::string& name : *names) {
            if (pki::is_service_host(trust_domain, name) && !is_own(name)) {
                return Failure{Code::policy_denied,
                               fmt::format("'{}' is for the certificate of a service alone", name)};
            }
        }
    }
    return {};
}

Result<pki::Certificate> issue_server_certificate(const Authority& authority, const Config& config,
                                                  const pki::PublicKey& key, const ServerSubject& subject,
                                                  SystemTime now) {
    if (auto allowed = may_bear(subject, config.trust_domain); !allowed) {
        return allowed.error();
    }
    pki::ServerProfile profile;
    profile.common_name =
        subject.kind == pki::ServerKind::ca ? std::string(kServiceCommonName) : subject.names.front();
    for (const std::string& name : subject.names) {
        profile.uris.push_back(pki::server_uri(config.trust_domain, subject.kind, name));
    }
    profile.names = alternative_names(subject, config.trust_domain);
    profile.not_before = std::chrono::floor<std::chrono::seconds>(now - kBackdate);
    profile.not_after = std::chrono::floor<std::chrono::seconds>(
        bounded_end(now, config.server_certificate_lifetime, authority.servers()));
    auto leaf = authority.servers().issue_server(key, profile);
    if (!leaf) {
        return our_fault(leaf.error());
    }
    return leaf;
}

}  // namespace postern::ca
