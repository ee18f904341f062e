// The open tunnels, and why the last ones ended, looked up by connection id from any loop. The owner of a
// tunnel asks here after the tunnel was cut, and a CancelRequest finds the backend of the session that it
// cancels.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "gateway/policy/identity.hpp"
#include "net/relay.hpp"

namespace postern::gateway {

/// What others may learn about a tunnel.
struct ConnectionEntry {
    std::string user;
    std::string service;
    /// The address that was actually dialled, so that a second connection reaches the same server when a name
    /// has several.
    std::string backend_ip;
    std::uint16_t backend_port = 0;
    bool is_open = true;
    /// Why the gateway cut the tunnel; nothing when one of the two sides ended it.
    std::optional<Code> reason;
    /// The members from here on are for the administrator's list, and empty for a tunnel that has ended. The
    /// certificate is the one that opened the tunnel.
    IdentityPtr identity{};
    std::string source{};
    SystemTime opened_at{};
    /// The tunnel's live byte counts. The pointer is valid until closed(), which is called before the tunnel
    /// is destroyed.
    const net::RelayCounters* counters = nullptr;
};

/// An open tunnel as the gateway's administrator sees it.
struct OpenConnection {
    std::string id;
    ConnectionEntry entry;
    std::uint64_t bytes_from_client = 0;
    std::uint64_t bytes_from_backend = 0;
};

/// Thread-safe. It remembers the last `memory` tunnels that ended.
class ConnectionDirectory {
public:
    explicit ConnectionDirectory(std::size_t memory = 4096) : ended_(memory) {}

    /// Adds an open tunnel.
    void opened(const std::string& id, ConnectionEntry entry);
    /// Moves the tunnel `id`, if there is one, to those that have ended. `reason` is why the gateway cut it,
    /// if it did.
    void closed(const std::string& id, std::optional<Code> reason);
    /// Returns the entry if the tunnel belongs to `user`. An unknown id and that of another user's tunnel
    /// both give nothing, so that the caller cannot tell them apart. For a tunnel that has ended, only the
    /// user, the service and the reason are set.
    std::optional<ConnectionEntry> find(const std::string& id, std::string_view user) const;

    /// All open tunnels of all users, for the administrator.
    std::vector<OpenConnection> all_open() const;
    /// An open tunnel of any user, for the administrator.
    std::optional<OpenConnection> find_open(const std::string& id) const;

private:
    /// A tunnel that has ended, in a fixed amount of memory. Thousands of small allocations among those of
    /// open tunnels would keep the heap from shrinking.
    struct Ended {
        std::array<char, 36> id{};
        /// Names have at most 63 bytes.
        std::array<char, 64> user{};
        std::array<char, 64> service{};
        std::optional<Code> reason;
    };

    mutable std::mutex mutex_;
    std::unordered_map<std::string, ConnectionEntry> open_;
    /// A ring buffer. `next_` is the index of the oldest entry, which is overwritten next.
    std::vector<Ended> ended_;
    std::size_t next_ = 0;
};

}  // namespace postern::gateway
