#include "gateway/tunnel/records.hpp"

#include <utility>

namespace postern::gateway {

audit::Stage stage_of(Code reason) noexcept {
    if (is_certificate_verdict(reason)) {
        return audit::Stage::certificate;
    }
    switch (reason) {
        case Code::crl_stale:
            return audit::Stage::certificate;
        case Code::policy_denied:
        case Code::unknown_service:
            return audit::Stage::policy;
        case Code::limit_reached:
        case Code::out_of_resources:
        case Code::shutting_down:
            return audit::Stage::limit;
        case Code::backend_unreachable:
        case Code::backend_timed_out:
        case Code::backend_refused_tls:
            return audit::Stage::backend;
        case Code::malformed_request:
        case Code::request_too_large:
        case Code::timed_out:
        case Code::not_found:
            return audit::Stage::request;
        default:
            return audit::Stage::session;
    }
}

audit::Record rejected_record(const std::string& connection_id, const net::Endpoint& source, Code reason,
                              audit::Stage stage, std::string message) {
    audit::Record record;
    record.action = "connection.rejected";
    record.is_success = false;
    record.reason = reason;
    record.stage = stage;
    record.message = std::move(message);
    record.connection_id = connection_id;
    record.source_ip = source.address;
    record.source_port = source.port;
    return record;
}

audit::Record accepted_record(const std::string& connection_id, const net::Endpoint& source) {
    audit::Record record;
    record.action = "connection.accepted";
    record.connection_id = connection_id;
    record.source_ip = source.address;
    record.source_port = source.port;
    return record;
}

audit::Record closed_record(const std::string& connection_id, const net::Endpoint& source,
                            const TunnelEnd& end) {
    audit::Record record;
    record.action = "connection.closed";
    record.is_success = end.closed_by != "gateway";
    record.reason = end.reason;
    if (end.reason) {
        record.stage = audit::Stage::session;
    }
    record.connection_id = connection_id;
    record.source_ip = source.address;
    record.source_port = source.port;
    record.bytes_from_client = end.bytes_from_client;
    record.bytes_from_backend = end.bytes_from_backend;
    record.duration = end.duration;
    record.closed_by = end.closed_by;
    return record;
}

void name_identity(audit::Record& record, const Identity& identity) {
    record.user = identity.login.name;
    record.groups = identity.login.groups;
    record.session_id = identity.login.session_id;
    record.certificate_serial = identity.login.serial;
    record.certificate_subject = identity.subject;
    record.certificate_issuer = identity.issuer;
    record.certificate_not_after = identity.login.not_after;
    record.certificate_sha256 = identity.login.fingerprint;
}

void name_program(audit::Record& record, const std::optional<ProgramClaims>& program) {
    if (program) {
        record.claims = program->to_json();
    }
}

void name_claim(audit::Record& record, const pki::Certificate& certificate) {
    record.claimed_user = certificate.common_name();
    record.certificate_serial = certificate.serial();
    record.certificate_subject = certificate.subject();
    record.certificate_issuer = certificate.issuer();
    if (const SystemTime end = certificate.not_after(); end != SystemTime::min()) {
        record.certificate_not_after = end;
    }
    record.certificate_sha256 = certificate.fingerprint();
}

TunnelEnd tunnel_end(const net::RelayEnd& relay, std::optional<Code> cut_reason) {
    TunnelEnd end;
    end.bytes_from_client = relay.bytes_a_to_b;
    end.bytes_from_backend = relay.bytes_b_to_a;
    if (cut_reason) {
        end.closed_by = "gateway";
        end.reason = cut_reason;
        return end;
    }
    end.closed_by = relay.ended_by == net::Side::a ? "client" : "backend";
    if (relay.failure) {
        end.reason = relay.failure->code;
        // The gateway's timeout ended a half-closed tunnel that moved no more bytes.
        if (relay.failure->code == Code::timed_out) {
            end.closed_by = "gateway";
        }
    }
    return end;
}

}  // namespace postern::gateway
