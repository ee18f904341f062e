// Reads the gateway's configuration file into values that are valid: names are names, addresses are
// addresses, and every number is within its bounds. Unknown keys are errors. This file knows no certificates
// and no sockets; snapshot.hpp adds the content of the files that the configuration names.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.hpp"
#include "base/record_budget.hpp"
#include "base/result.hpp"
#include "gateway/policy/policy.hpp"
#include "http/https_url.hpp"
#include "net/address.hpp"

namespace postern::gateway {

using Milliseconds = std::chrono::milliseconds;

/// The [limits] of the configuration.
struct LimitSettings {
    /// Tunnels in all, from one source address, and of one identity. For the last two, 0 means half and a
    /// quarter of all. A process with few file descriptors has fewer (net::share_of()).
    std::size_t connections = 16384;
    std::size_t connections_per_address = 0;
    std::size_t connections_per_identity = 0;
    /// Tunnels that one identity may open at once, and again each minute.
    std::size_t connections_per_identity_per_minute = 6000;
    /// Connections that are not authenticated yet or have not asked for a tunnel. At the bound the oldest one
    /// of the address that has the most is cut, so that silent peers lock nobody out.
    std::size_t pending = 4096;
    /// Connections of authenticated identities that have not asked for a tunnel yet, which desktops keep
    /// warm: in all, and of one identity. Beyond these bounds they wait among the pending connections, no
    /// longer than those may.
    std::size_t warm = 4096;
    std::size_t warm_per_identity = 64;
    /// Failed handshakes that get audit records of their own, at once and again each minute.
    std::size_t failed_handshakes_recorded = kRecordsOfStrangersPerMinute;
    Milliseconds handshake_timeout{10'000};
    /// From the handshake, or the answer before, to the last byte of a request head.
    Milliseconds request_timeout{10'000};
    /// From the handshake to the first byte of a request head, on a warm connection.
    Milliseconds warm_timeout{600'000};
    /// For dialling a backend, and for the first answer of a PostgreSQL backend.
    Milliseconds backend_timeout{5'000};
    /// From the answer to CONNECT until a PostgreSQL session has begun (SessionStart).
    Milliseconds start_timeout{10'000};
};

/// The [audit] section of the configuration; see audit::LogOptions.
struct AuditSettings {
    std::filesystem::path file;
    std::filesystem::path key;
    audit::Durability durability = audit::Durability::write;
    std::vector<std::string> copies;
    std::uint64_t rotate_bytes = audit::kRotateBytes;
};

/// The whole configuration.
struct Settings {
    // [gateway]
    std::string name;
    std::vector<net::Address> listen;
    std::size_t threads = 0;
    Milliseconds drain_timeout{30'000};
    /// How long a tunnel may stay open after the newest certificate of its login session has expired.
    Milliseconds expiry_grace{0};
    /// The path of the administration socket; without a path there is no socket.
    std::optional<std::filesystem::path> admin_socket;

    // [health]
    /// The address on which /livez and /readyz are answered over plain HTTP; without an address they are not
    /// served.
    std::optional<net::Address> health_listen;

    // [tls]
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::filesystem::path user_ca;

    // [ca]
    /// The CA service's URL; empty until the file has been read.
    std::optional<http::HttpsUrl> ca;
    std::string ca_url() const { return ca ? ca->text() : std::string(); }
    std::filesystem::path server_ca;
    std::string trust_domain;
    Milliseconds crl_refresh{1'000};
    /// The file that keeps the newest CRL across restarts.
    std::optional<std::filesystem::path> crl_file;
    /// How long after its nextUpdate the CRL still counts.
    Milliseconds offline_grace{0};

    LimitSettings limits;
    AuditSettings audit;
    Policy policy;

    /// Reads the file. Fails with Code::config_invalid and every problem of the file, one a line. Blocking.
    static Result<Settings> load(const std::filesystem::path& file);
    /// Parses a text. `name` is the file's name in messages, and relative paths are resolved against its
    /// folder.
    static Result<Settings> parse(std::string_view text, const std::filesystem::path& name);
};

/// Returns the names of the keys that differ and take effect only after a restart.
std::vector<std::string> changes_that_need_restart(const Settings& old, const Settings& changed);

}  // namespace postern::gateway
