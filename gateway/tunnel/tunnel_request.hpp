// What a CONNECT asks for, parsed out of its head. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "gateway/tunnel/program_claims.hpp"

namespace postern::gateway {

/// What the gateway says to the backend itself before it forwards the client's first byte.
enum class BackendStart { none, postgres_tls };

struct TunnelRequest {
    std::string service;
    /// The client's idea of the port. The service alone decides where the gateway dials.
    std::uint16_t port = 0;
    BackendStart backend_start = BackendStart::none;
    /// The live connection to whose very backend this one must go; empty for none.
    std::string cancel_of;
    /// What the desktop says of the local program; a claim.
    std::optional<ProgramClaims> program;
};

/// The parts of a CONNECT's head that are the gateway's: the request target, and the fields
/// Postern-Backend-Start, Postern-Cancel-Of, Postern-Client-Program and Postern-Purpose (empty when absent).
struct TunnelHead {
    std::string_view target;
    std::string_view backend_start;
    std::string_view cancel_of;
    std::string_view client_program = {};
    std::string_view purpose = {};
};

/// Code::malformed_request unless the target is `<service>:<port>` (RFC 9110, section 9.3.6) and the fields
/// hold what is known.
Result<TunnelRequest> parse_tunnel_request(const TunnelHead& head);

}  // namespace postern::gateway
