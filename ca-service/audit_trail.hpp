// The audit records of the CA service, made in one place so that the same event has the same fields whoever
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
    /// postern.claimed.*: the administrator's uid and names.
    nlohmann::json claims;

    /// The account that started this process, and the one that sudo names.
    static Actor local_administrator();
};

/// A record with the actor's fields filled in.
audit::Record record_of(const Actor& actor, std::string action);
/// The same for something refused.
audit::Record refusal_of(const Actor& actor, std::string action, const Failure& failure);

/// Numbers the change of the store of which the records tell, in its write transaction and before they are
/// written (postern.store.change).
Result<void> begin_change(store::Database& database, std::span<audit::Record> records);

/// Adds what a login certificate says of itself.
void describe(audit::Record& record, const store::IssuedCertificate& certificate);

}  // namespace postern::ca
