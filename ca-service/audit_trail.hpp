// Builds the CA service's audit records in one place, so that the same event has the same fields whoever
// caused it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "audit/log.hpp"
#include "base/result.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/database.hpp"
#include "ca-service/store/sessions.hpp"

namespace postern::ca {

/// Who caused an event: a peer on the network, or an administrator at this machine's shell.
struct Actor {
    std::string source_ip;
    std::uint16_t source_port = 0;
    std::string connection_id;
    /// The administrator's uid and account names, for the record's postern.claimed.* fields.
    nlohmann::json claims;

    /// Returns the account that started this process, and the one in SUDO_USER.
    static Actor local_administrator();
};

/// Returns a record of `action` with the actor's fields filled in.
audit::Record record_of(const Actor& actor, std::string action);
/// Returns the same for a refused action, with the code and detail of `failure`.
audit::Record refusal_of(const Actor& actor, std::string action, const Failure& failure);

/// Numbers the change of the store that `records` describe and writes the number to each of them
/// (postern.store.change). Call it inside the change's write transaction, before the records are appended to
/// the audit log. Fails as store::begin_change() does.
Result<void> begin_change(store::Database& database, std::span<audit::Record> records);

/// Copies user, session, serial and end of `certificate` to `record`.
void describe(audit::Record& record, const store::IssuedCertificate& certificate);

}  // namespace postern::ca
