// The properties of a local port that its sessions use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client-proxy/login/login_source.hpp"

namespace postern::client {

/// A local port. `is_postgres`, `is_closed` and the byte counts may be used on any thread; the other members
/// do not change after the port was opened, except `socket_folder`, which belongs to the thread that opens
/// ports.
struct LocalPort {
    LocalPort(std::string service_name, Mode way, bool speaks_postgres, std::shared_ptr<LoginSource> source)
        : service(std::move(service_name)),
          mode(way),
          is_postgres(speaks_postgres),
          logins(std::move(source)) {}

    const std::string service;
    const Mode mode;
    /// For passthrough: whether clients speak PostgreSQL, so that nothing is dialled before their first
    /// packet is complete.
    std::atomic<bool> is_postgres;
    const std::shared_ptr<LoginSource> logins;
    /// Set before the port opens.
    unsigned short number = 0;
    bool admits_other_users = false;
    /// The number of warm connections that each event loop keeps for it. 0 means none.
    std::size_t warm = 0;
    /// The folder of its PostgreSQL Unix socket; empty when it has none.
    std::string socket_folder;
    /// The port is closed and accepts no connections.
    std::atomic<bool> is_closed = false;
    /// The bytes of ended sessions: towards the local program, and from it.
    std::atomic<std::uint64_t> ended_bytes_in = 0;
    std::atomic<std::uint64_t> ended_bytes_out = 0;
};

using LocalPortPtr = std::shared_ptr<LocalPort>;

}  // namespace postern::client
