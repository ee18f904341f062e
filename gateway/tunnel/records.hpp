// Makes the gateway's audit records from the facts of a connection. This file is pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "audit/record.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/tunnel/program_claims.hpp"
#include "net/plain_stream.hpp"
#include "net/relay.hpp"
#include "pki/certificate.hpp"

namespace postern::gateway {

/// Returns the stage of a connection to which a refusal with this reason belongs.
audit::Stage stage_of(Code reason) noexcept;

/// Makes the record of a connection that was rejected (connection.rejected).
audit::Record rejected_record(const std::string& connection_id, const net::Endpoint& source, Code reason,
                              audit::Stage stage, std::string message);
/// Makes the record of a tunnel that is let in (connection.accepted), without its user and service.
audit::Record accepted_record(const std::string& connection_id, const net::Endpoint& source);

/// How a tunnel ended.
struct TunnelEnd {
    std::uint64_t bytes_from_client = 0;
    std::uint64_t bytes_from_backend = 0;
    std::chrono::nanoseconds duration{0};
    /// "client", "backend" or "gateway".
    std::string closed_by;
    std::optional<Code> reason;
};
/// Makes the record of a tunnel that ended (connection.closed), without its user and service.
audit::Record closed_record(const std::string& connection_id, const net::Endpoint& source,
                            const TunnelEnd& end);

/// Adds the user and the certificate of a verified identity to the record.
void name_identity(audit::Record& record, const Identity& identity);
/// Adds the desktop's claims about the local program to the record, if there are any.
void name_program(audit::Record& record, const std::optional<ProgramClaims>& program);
/// Adds the claims of a certificate that was not accepted to the record.
void name_claim(audit::Record& record, const pki::Certificate& certificate);

/// Determines who ended the tunnel and why: `cut_reason`, if the gateway cut it, and otherwise the result of
/// the relay. The duration is left to the caller.
TunnelEnd tunnel_end(const net::RelayEnd& relay, std::optional<Code> cut_reason);

}  // namespace postern::gateway
