// The connections of one loop that have not yet proven themselves: handshake or request head not done, or
// idle without a certificate. When they reach their bound, the oldest of the address that has the most of them
// is cut for the newest, so that thousands of silent peers cannot lock a good client out. To be used on one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace postern::net {

class PendingConnections {
    struct Entry;
    struct Queue;

public:
    /// A place among the pending; it is given up when the ticket goes or leave() is called, whichever is
    /// first.
    class Ticket {
    public:
        Ticket() = default;
        Ticket(Ticket&&) noexcept = default;
        Ticket& operator=(Ticket&& other) noexcept;
        ~Ticket();

        /// The connection has proven itself: it can no longer be cut.
        void leave() noexcept;
        /// Whether this connection was cut to make room: its record says limit_reached.
        bool was_evicted() const noexcept;

    private:
        friend class PendingConnections;
        Ticket(std::shared_ptr<Queue> queue, std::shared_ptr<Entry> entry);
        std::shared_ptr<Queue> queue_;
        std::shared_ptr<Entry> entry_;
    };

    /// At most `bound` (at least 1) at a time on this loop, and of one key at most `per_key` (0: as many as
    /// there are).
    explicit PendingConnections(std::size_t bound, std::size_t per_key = 0);

    /// Takes a place; where there is none, the `cut` of another one is called first: of the oldest of this
    /// key, where the key has all of its own, else of the oldest of the key that has the most. `cut` closes
    /// that connection's sockets and must not call back into this object. For addresses use address_key().
    Ticket enter(std::function<void()> cut, std::string key = {});

    /// Cuts the oldest of the key that has the most, to make room for what is counted elsewhere. False when
    /// there is none.
    bool cut_oldest();

    /// Cuts all that are pending: nobody is let in any more. Their tickets do not count as evicted.
    void cut_all();

    std::size_t size() const noexcept;
    /// The most that there were since the last call.
    std::size_t take_most() noexcept;
    std::uint64_t evictions() const noexcept;

private:
    std::shared_ptr<Queue> queue_;
};

}  // namespace postern::net
