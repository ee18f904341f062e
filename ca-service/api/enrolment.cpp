#include "ca-service/api/enrolment.hpp"

#include "ca-service/issuance.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/tokens.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"

namespace postern::ca::api {

Result<pki::Certificate> enroll(Ca& ca, store::Database& database, const Actor& actor,
                                const EnrolmentBody& body) {
    // Strangers have no token. They cost a look-up, but neither a signature nor the write lock.
    if (auto checked = store::check_token(database, body.token, ca.clock()); !checked) {
        return checked.error();
    }
    const auto key = pki::public_key_from_csr(body.csr);
    if (!key) {
        return key.error();
    }
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    const SystemTime now = ca.clock();
    const auto token = store::redeem_token(database, body.token, now);
    if (!token) {
        return token.error();
    }
    const auto config = ca.settings.get();
    const ServerSubject subject{token->kind, token->names(), token->dns_names};
    const auto certificate = issue_server_certificate(ca.authority, *config, *key, subject, now);
    if (!certificate) {
        return certificate.error();
    }
    store::ServerCertificate issued;
    issued.serial = certificate->serial();
    issued.kind = store::kind_name(token->kind);
    issued.name = token->name;
    issued.more_services = token->more_services;
    issued.dns_names = token->dns_names;
    issued.not_after = certificate->not_after();
    issued.issued_at = now;
    if (auto stored = store::add_server_certificate(database, issued); !stored) {
        return stored.error();
    }
    audit::Record record = record_of(actor, "certificate.issued");
    record.extra["x509"] = {{"serial_number", issued.serial},
                            {"subject", {{"distinguished_name", certificate->subject()}}},
                            {"alternative_names", alternative_names(subject, config->trust_domain)},
                            {"not_after", format_time(issued.not_after)}};
    record.extra["postern"]["server"] = {{"kind", issued.kind}, {"name", issued.name}};
    if (!issued.more_services.empty()) {
        record.extra["postern"]["server"]["more_services"] = issued.more_services;
    }
    if (auto begun = begin_change(database, {&record, 1}); !begun) {
        return begun.error();
    }
    if (auto written = ca.audit.append(record); !written) {
        return written.error();
    }
    if (auto committed = transaction->commit(); !committed) {
        return committed.error();
    }
    return *certificate;
}

}  // namespace postern::ca::api
