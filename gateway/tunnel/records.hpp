// The gateway's audit records, made of what a connection knows. Pure.
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

/// Which part of a connection's life a refusal for this reason belongs to.
audit::Stage stage_of(Code reason) noexcept;

/// A connection that was turned away: action connection.rejected.
audit::Record rejected_record(const std::string& connection_id, const net::Endpoint& source, Code reason,
                              audit::Stage stage, std::string message);
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
audit::Record closed_record(const std::string& connection_id, const net::Endpoint& source,
                            const TunnelEnd& end);

/// Who a verified certificate says it is.
void name_identity(audit::Record& record, const Identity& identity);
/// What a desktop claims of the local program; nothing when it claims nothing.
void name_program(audit::Record& record, const std::optional<ProgramClaims>& program);
/// What a certificate that was not believed claims.
void name_claim(audit::Record& record, const pki::Certificate& certificate);

/// Who ended the tunnel and why: what the gateway did comes first, then the relay's own word.
TunnelEnd tunnel_end(const net::RelayEnd& relay, std::optional<Code> cut_reason);

}  // namespace postern::gateway
