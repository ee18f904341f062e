// One audit record: a JSON object on one line, Elastic Common Schema field names. Pure: knows no files and no
// clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace postern::audit {

/// Where in a connection's life it was turned away (postern.stage).
enum class Stage { tls, certificate, request, policy, limit, backend, session };
std::string_view name(Stage stage) noexcept;

/// What happened, before it has a place in the chain. Empty members are left out of the line.
struct Record {
    /// event.action: "connection.accepted", "connection.rejected", "connection.closed", "request.refused" (by
    /// which the connection did not end), "login.succeeded",
    /// "login.failed", "certificate.issued", "certificate.renewed", "certificate.revoked", "session.ended",
    /// "admin.…", "config.…", "checkpoint".
    std::string action;
    bool is_success = true;
    /// event.reason (the Code's name), postern.stage and message, for what was refused or cut.
    std::optional<Code> reason;
    std::optional<Stage> stage;
    std::string message;
    /// postern.connection.id
    std::string connection_id;
    /// source.ip, source.port, as the kernel told them.
    std::string source_ip;
    std::uint16_t source_port = 0;
    /// user.name, user.group.name, as a verified certificate (or a login) named them. For a certificate that
    /// was not verified the claim goes to postern.claimed.user.
    std::string user;
    std::vector<std::string> groups;
    std::string claimed_user;
    /// tls.client.x509.serial_number, .subject.distinguished_name, .issuer.distinguished_name, .not_after,
    /// tls.client.hash.sha256
    std::string certificate_serial;
    std::string certificate_subject;
    std::string certificate_issuer;
    std::optional<SystemTime> certificate_not_after;
    std::string certificate_sha256;
    /// rule.name: what of the rules let somebody in, "user alice" or "group analysts".
    std::string rule;
    /// postern.session.id
    std::string session_id;
    /// service.name, destination.address, destination.ip and destination.port; postern.backend.local_port, by
    /// which PostgreSQL's own log is joined.
    std::string service;
    std::string destination_address;
    std::string destination_ip;
    std::uint16_t destination_port = 0;
    std::uint16_t backend_local_port = 0;
    /// For connection.closed: source.bytes (from the client), destination.bytes (from the backend),
    /// event.duration (nanoseconds in ECS), postern.closed_by.
    std::optional<std::uint64_t> bytes_from_client;
    std::optional<std::uint64_t> bytes_from_backend;
    std::optional<std::chrono::nanoseconds> duration;
    std::string closed_by;
    /// What the peer claims of itself (pid, program, uid): postern.claimed.*
    nlohmann::json claims;
    /// More ECS or postern.* fields, merged in. For admin.* and config.*.
    nlohmann::json extra;
};

/// One record for so many refusals that have none of their own (postern.more).
Record record_of_more(std::size_t count, Stage stage, std::string message);

/// The line without its newline: the record's fields, @timestamp, event.sequence and postern.audit.previous
/// (the lower-case hex SHA-256 of the line before, 64 zeros for the first). Bytes that are not UTF-8 are
/// replaced; strings are cut at 1 KiB, escapes counted, and the line stays under 16 KiB, or under 4 KiB where a
/// peer was refused.
std::string format_line(const Record& record, SystemTime time, std::uint64_t sequence,
                        std::string_view previous_hash, std::string_view host_name, std::string_view program);

}  // namespace postern::audit
