#include "ca-service/audit_trail.hpp"

#include <pwd.h>

#include <cstdlib>

#include "base/folder_owner.hpp"
#include "ca-service/store/changes.hpp"

namespace postern::ca {

namespace {

/// Writes the number of the change of the store that the record describes to the record.
Result<void> number_by_change(store::Database& database, audit::Record& record) {
    const auto number = store::change_counter(database);
    if (!number) {
        return number.error();
    }
    record.extra["postern"]["store"]["change"] = *number;
    return {};
}

}  // namespace

Actor Actor::local_administrator() {
    Actor actor;
    actor.claims["uid"] = invoking_user();
    if (const passwd* account = ::getpwuid(invoking_user()); account != nullptr) {
        actor.claims["account"] = account->pw_name;
    }
    if (const char* sudo_user = std::getenv("SUDO_USER"); sudo_user != nullptr) {
        actor.claims["sudo_user"] = sudo_user;
    }
    return actor;
}

audit::Record record_of(const Actor& actor, std::string action) {
    audit::Record record;
    record.action = std::move(action);
    record.source_ip = actor.source_ip;
    record.source_port = actor.source_port;
    record.connection_id = actor.connection_id;
    record.claims = actor.claims;
    return record;
}

audit::Record refusal_of(const Actor& actor, std::string action, const Failure& failure) {
    audit::Record record = record_of(actor, std::move(action));
    record.is_success = false;
    record.reason = failure.code;
    record.message = failure.detail;
    return record;
}

Result<void> begin_change(store::Database& database, std::span<audit::Record> records) {
    if (auto begun = store::begin_change(database); !begun) {
        return begun;
    }
    for (audit::Record& record : records) {
        if (auto numbered = number_by_change(database, record); !numbered) {
            return numbered;
        }
    }
    return {};
}

void describe(audit::Record& record, const store::IssuedCertificate& certificate) {
    record.user = certificate.user;
    record.session_id = certificate.session_id;
    record.certificate_serial = certificate.serial;
    record.certificate_not_after = certificate.not_after;
}

}  // namespace postern::ca
