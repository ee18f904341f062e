// Parses what a CONNECT request asks for from its head. This file is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "gateway/tunnel/program_claims.hpp"

namespace postern::gateway {

/// What the gateway itself sends to the backend before it forwards the client's first byte.
enum class BackendStart { none, postgres_tls };

/// What a CONNECT request asks for.
struct TunnelRequest {
    std::string service;
    /// The port that the client named. It has no influence: the service alone decides where the gateway
    /// dials.
    std::uint16_t port = 0;
    BackendStart backend_start = BackendStart::none;
    /// The id of the open connection whose session is to be cancelled, so that this one must reach the same
    /// server; empty for none.
    std::string cancel_of;
    /// What the desktop claims about the local program.
    std::optional<ProgramClaims> program;
};

/// The parts of a CONNECT request's head that concern the gateway: the request target, and the fields
/// Postern-Backend-Start, Postern-Cancel-Of, Postern-Client-Program and Postern-Purpose, which are empty when
/// absent.
struct TunnelHead {
    std::string_view target;
    std::string_view backend_start;
    std::string_view cancel_of;
    std::string_view client_program = {};
    std::string_view purpose = {};
};

/// Fails with Code::malformed_request unless the target is `<service>:<port>` (RFC 9110, section 9.3.6) and
/// the fields have known values. An unknown Postern-Purpose is ignored.
Result<TunnelRequest> parse_tunnel_request(const TunnelHead& head);

}  // namespace postern::gateway
