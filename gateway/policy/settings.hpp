// The gateway's configuration file, read the strict way into values that are right: names are names,
// addresses are addresses, every number has its bounds. Knows no certificates and no sockets; snapshot.hpp
// adds what the files hold.
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

struct LimitSettings {
    /// Tunnels in all, of one source address, of one identity; 0: half and a quarter of all, of which a process
    /// with few file descriptors has fewer than it was told (share_of()).
    std::size_t connections = 16384;
    std::size_t connections_per_address = 0;
    std::size_t connections_per_identity = 0;
    /// That one identity may open at once, and again within a minute.
    std::size_t connections_per_identity_per_minute = 6000;
    /// Connections that are not let in yet. At the bound the oldest of them is cut, so that silent peers lock
    /// nobody out.
    std::size_t pending = 4096;
    /// Connections of proven identities that have not asked for a tunnel yet, which desktops keep warm: in
    /// all, of one identity. Beyond these they wait among the pending, no longer than a stranger may.
    std::size_t warm = 4096;
    std::size_t warm_per_identity = 64;
    /// Handshakes that have a record of their own when they fail, at once and a minute.
    std::size_t failed_handshakes_recorded = kRecordsOfStrangersPerMinute;
    Milliseconds handshake_timeout{10'000};
    /// From the handshake (or the answer before) to the last byte of a request head.
    Milliseconds request_timeout{10'000};
    /// From the handshake to the first byte of a request head, for those that are warm.
    Milliseconds warm_timeout{600'000};
    /// The dial, and the first answer of a PostgreSQL backend.
    Milliseconds backend_timeout{5'000};
    /// From the answer to CONNECT until a PostgreSQL session has begun (SessionStart).
    Milliseconds start_timeout{10'000};
};

struct AuditSettings {
    std::filesystem::path file;
    std::filesystem::path key;
    audit::Durability durability = audit::Durability::write;
    std::vector<std::string> copies;
    std::uint64_t rotate_bytes = audit::kRotateBytes;
};

struct Settings {
    // [gateway]
    std::string name;
    std::vector<net::Address> listen;
    std::size_t threads = 0;
    Milliseconds drain_timeout{30'000};
    /// How long a live tunnel may outlive the newest certificate of its login session.
    Milliseconds expiry_grace{0};
    /// Where `postern-gateway sessions` and `kill` ask; nothing: nowhere.
    std::optional<std::filesystem::path> admin_socket;

    // [health]
    /// Where /livez and /readyz are answered over plain HTTP; nothing: nowhere.
    std::optional<net::Address> health_listen;

    // [tls]
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::filesystem::path user_ca;

    // [ca]
    /// Nothing until the file has been read.
    std::optional<http::HttpsUrl> ca;
    std::string ca_url() const { return ca ? ca->text() : std::string(); }
    std::filesystem::path server_ca;
    std::string trust_domain;
    Milliseconds crl_refresh{1'000};
    /// Where the newest CRL is kept over a restart.
    std::optional<std::filesystem::path> crl_file;
    /// How long past its nextUpdate the CRL still counts.
    Milliseconds offline_grace{0};

    LimitSettings limits;
    AuditSettings audit;
    Policy policy;

    /// Code::config_invalid with every problem of the file, one a line.
    static Result<Settings> load(const std::filesystem::path& file);
    /// `name` stands for the file in messages; relative paths are taken from its folder.
    static Result<Settings> parse(std::string_view text, const std::filesystem::path& name);
};

/// What differs between the two but takes effect only after a restart: the keys' names.
std::vector<std::string> changes_that_need_restart(const Settings& old, const Settings& changed);

}  // namespace postern::gateway
