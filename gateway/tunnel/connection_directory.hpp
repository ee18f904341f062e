// Which tunnels there are, and why the last ones ended: looked up by connection id from any loop. The owner
// of a tunnel asks here after it was cut, and a CancelRequest finds the backend of the session that it
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

/// A tunnel as others may see it.
struct ConnectionEntry {
    std::string user;
    std::string service;
    /// The very address that was dialled, so that a second connection meets the same server behind a name of
    /// many.
    std::string backend_ip;
    std::uint16_t backend_port = 0;
    bool is_open = true;
    /// Why the gateway cut it; nothing when one of the two sides ended it.
    std::optional<Code> reason;
    /// For the administrator's list; empty for one that has ended. The certificate is the one that opened it.
    IdentityPtr identity{};
    std::string source{};
    SystemTime opened_at{};
    /// Valid until closed(): the tunnel that counts outlives its entry.
    const net::RelayCounters* counters = nullptr;
};

/// A live tunnel as the administrator of the gateway sees it.
struct OpenConnection {
    std::string id;
    ConnectionEntry entry;
    std::uint64_t bytes_from_client = 0;
    std::uint64_t bytes_from_backend = 0;
};

/// Thread-safe. Remembers the last `memory` tunnels that ended.
class ConnectionDirectory {
public:
    explicit ConnectionDirectory(std::size_t memory = 4096) : ended_(memory) {}

    void opened(const std::string& id, ConnectionEntry entry);
    void closed(const std::string& id, std::optional<Code> reason);
    /// Nothing when the id is unknown or belongs to somebody else: who asks must not learn which. Of one that
    /// has ended, the user, the service and the reason.
    std::optional<ConnectionEntry> find(const std::string& id, std::string_view user) const;

    /// For the administrator alone: whoever they belong to.
    std::vector<OpenConnection> all_open() const;
    std::optional<OpenConnection> find_open(const std::string& id) const;

private:
    /// One that has ended, without memory of its own: thousands of small blocks, allocated among those of
    /// live tunnels, would keep the heap from ever shrinking.
    struct Ended {
        std::array<char, 36> id{};
        // Names have 63 bytes at most.
        std::array<char, 64> user{};
        std::array<char, 64> service{};
        std::optional<Code> reason;
    };

    mutable std::mutex mutex_;
    std::unordered_map<std::string, ConnectionEntry> open_;
    /// A ring: `next_` is the oldest, and the one that goes next.
    std::vector<Ended> ended_;
    std::size_t next_ = 0;
};

}  // namespace postern::gateway
