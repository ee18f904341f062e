// One audit record: a JSON object on one line, with the field names of the Elastic Common Schema (ECS). This
// file is pure: it knows no files and no clock.
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

/// The stage of a connection at which it was rejected (postern.stage).
enum class Stage { tls, certificate, request, policy, limit, backend, session };
std::string_view name(Stage stage) noexcept;

/// An event, before it has a place in the chain. Empty members are left out of the line.
struct Record {
    /// The event.action: "connection.accepted", "connection.rejected", "connection.closed", "request.refused"
    /// (a request whose refusal did not end the connection), "login.succeeded", "login.failed",
    /// "certificate.issued", "certificate.renewed", "certificate.revoked", "session.ended", "admin.…",
    /// "config.…" or "checkpoint".
    std::string action;
    bool is_success = true;
    /// The event.reason (the Code's name), postern.stage and message, for something that was refused or cut.
    std::optional<Code> reason;
    std::optional<Stage> stage;
    std::string message;
    /// The postern.connection.id.
    std::string connection_id;
    /// The source.ip and source.port, as the kernel reports them.
    std::string source_ip;
    std::uint16_t source_port = 0;
    /// The user.name and user.group.name, as a verified certificate or a login named them. What a certificate
    /// claims that was not verified is in postern.claimed.user.
    std::string user;
    std::vector<std::string> groups;
    std::string claimed_user;
    /// The fields tls.client.x509.serial_number, .subject.distinguished_name, .issuer.distinguished_name and
    /// .not_after, and tls.client.hash.sha256.
    std::string certificate_serial;
    std::string certificate_subject;
    std::string certificate_issuer;
    std::optional<SystemTime> certificate_not_after;
    std::string certificate_sha256;
    /// The rule.name: the entry of the rules that admitted the user, "user alice" or "group analysts".
    std::string rule;
    /// The postern.session.id.
    std::string session_id;
    /// The fields service.name, destination.address, destination.ip and destination.port, and
    /// postern.backend.local_port, which also appears in PostgreSQL's own log.
    std::string service;
    std::string destination_address;
    std::string destination_ip;
    std::uint16_t destination_port = 0;
    std::uint16_t backend_local_port = 0;
    /// For connection.closed: source.bytes (from the client), destination.bytes (from the backend),
    /// event.duration (nanoseconds in ECS) and postern.closed_by.
    std::optional<std::uint64_t> bytes_from_client;
    std::optional<std::uint64_t> bytes_from_backend;
    std::optional<std::chrono::nanoseconds> duration;
    std::string closed_by;
    /// What the peer claims about itself (pid, program, uid); written as postern.claimed.*.
    nlohmann::json claims;
    /// Further ECS or postern.* fields, which are merged into the line. They are for admin.* and config.*.
    nlohmann::json extra;
};

/// Makes one record for `count` refusals that have no records of their own (postern.more).
Record record_of_more(std::size_t count, Stage stage, std::string message);

/// Returns the line without its newline: the fields of `record`, @timestamp, event.sequence and
/// postern.audit.previous (the SHA-256 of the previous line in lower-case hex; 64 zeros for the first line).
/// Bytes that are not UTF-8 are replaced. Strings are cut at 1 KiB, counted with their escapes. The line is
/// shorter than 16 KiB, or than 4 KiB where a peer was refused.
std::string format_line(const Record& record, SystemTime time, std::uint64_t sequence,
                        std::string_view previous_hash, std::string_view host_name, std::string_view program);

}  // namespace postern::audit
