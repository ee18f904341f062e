// The connections of one loop that have not yet proven themselves: handshake or request head not done, or
// idle without a certificate. When they reach their bound the oldest is cut for the newest, so that thousands
// of silent peers cannot lock a good client out. To be used on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>

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

    /// At most `bound` (at least 1) at a time on this loop.
    explicit PendingConnections(std::size_t bound);

    /// Takes a place; where there is none, the oldest pending connection's `cut` is called first. `cut`
    /// closes that connection's sockets and must not call back into this object.
    Ticket enter(std::function<void()> cut);

    /// Cuts the oldest, to make room for what is counted elsewhere. False when there is none.
    bool cut_oldest();

    /// Cuts all that are pending: nobody is let in any more. Their tickets do not count as evicted.
    void cut_all();

    std::size_t size() const noexcept;
    std::uint64_t evictions() const noexcept;

private:
    std::shared_ptr<Queue> queue_;
};

}  // namespace postern::net
