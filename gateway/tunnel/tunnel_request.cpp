#include "gateway/tunnel/tunnel_request.hpp"

#include <charconv>

#include "base/connection_id.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

Result<TunnelRequest> parse_tunnel_request(const TunnelHead& head) {
    TunnelRequest request;
    const std::size_t colon = head.target.rfind(':');
    if (colon == std::string_view::npos) {
        return Failure{Code::malformed_request, "the CONNECT target is not <service>:<port>"};
    }
    const std::string_view service = head.target.substr(0, colon);
    const std::string_view port = head.target.substr(colon + 1);
    if (!pki::is_resource_name(service)) {
        return Failure{Code::malformed_request, "the CONNECT target names no service"};
    }
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), request.port);
    if (error != std::errc() || end != port.data() + port.size() || request.port == 0) {
        return Failure{Code::malformed_request, "the CONNECT target has no port"};
    }
    request.service = service;
    if (head.backend_start == "postgres-tls") {
        request.backend_start = BackendStart::postgres_tls;
    } else if (!head.backend_start.empty()) {
        return Failure{Code::malformed_request, "Postern-Backend-Start holds an unknown word"};
    }
    if (!head.cancel_of.empty()) {
        if (!is_connection_id(head.cancel_of)) {
            return Failure{Code::malformed_request, "Postern-Cancel-Of holds no connection id"};
        }
        request.cancel_of = head.cancel_of;
    }
    if (!head.client_program.empty()) {
        auto program = parse_program_claims(head.client_program);
        if (!program) {
            return program.error();
        }
        request.program = *std::move(program);
    }
    // Other values may come from a later version of the desktop and are ignored.
    if (head.purpose == "probe") {
        request.program = request.program.value_or(ProgramClaims());
        request.program->is_probe = true;
    }
    return request;
}

}  // namespace postern::gateway
