// The connections of one loop that have not authenticated yet: their handshake or request head is not
// complete, or they are idle without a certificate. When the bound is reached, the oldest connection of the
// address with the most of them is cut in favour of the newest, so that thousands of silent peers cannot lock
// out a good client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace postern::net {

/// The pending connections of one loop. Not thread-safe.
class PendingConnections {
    struct Entry;
    struct Queue;

public:
    /// Membership of the pending connections. It ends with the ticket's destruction or with leave(),
    /// whichever comes first.
    class Ticket {
    public:
        Ticket() = default;
        Ticket(Ticket&&) noexcept = default;
        Ticket& operator=(Ticket&& other) noexcept;
        ~Ticket();

        /// The connection has authenticated and can no longer be cut.
        void leave() noexcept;
        /// Whether this connection was cut to make room; it is recorded as Code::limit_reached.
        bool was_evicted() const noexcept;

    private:
        friend class PendingConnections;
        Ticket(std::shared_ptr<Queue> queue, std::shared_ptr<Entry> entry);
        std::shared_ptr<Queue> queue_;
        std::shared_ptr<Entry> entry_;
    };

    /// Allows at most `bound` connections (at least 1) on this loop, and at most `per_key` for one key (0: no
    /// such bound).
    explicit PendingConnections(std::size_t bound, std::size_t per_key = 0);

    /// Adds a connection. If there is no room, the `cut` of another connection is called first: that of the
    /// oldest of this key if the key has reached its bound, otherwise that of the oldest of the key with the
    /// most. `cut` closes the connection's sockets and must not call back into this object. For addresses use
    /// address_key().
    Ticket enter(std::function<void()> cut, std::string key = {});

    /// Cuts the oldest connection of the key with the most, to make room for connections that are counted
    /// elsewhere. False when there is none.
    bool cut_oldest();

    /// Cuts all pending connections, at a shutdown. Their tickets do not count as evicted.
    void cut_all();

    std::size_t size() const noexcept;
    /// The largest number of pending connections since the last call.
    std::size_t take_most() noexcept;
    /// The number of connections that were cut to make room since the start.
    std::uint64_t evictions() const noexcept;

private:
    std::shared_ptr<Queue> queue_;
};

}  // namespace postern::net
