// Limits the number of tunnels that one service has at a time, in all and of one identity. PostgreSQL's
// max_connections is shared by everybody, and an authenticated client occupies one of those connections even
// without a database password. Tunnels whose session has not begun are counted separately and never take more
// than half of a service's places.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace postern::gateway {

/// The bounds of one service.
struct ServiceBounds {
    /// PostgreSQL's default max_connections is 100, of which 3 are reserved for superusers; this default
    /// leaves some for clients that do not come through this gateway.
    std::size_t connections = 90;
    std::size_t per_identity = 30;
};

/// Counts the tunnels of each service. Thread-safe. It is used when a tunnel opens, begins and ends, never
/// for each message.
class ServiceSlots {
    struct State;

public:
    /// A tunnel's place at its service, which is given back when this object is destroyed.
    class Place {
    public:
        Place() = default;
        Place(Place&& other) noexcept;
        Place& operator=(Place&& other) noexcept;
        ~Place();

        /// Records that the tunnel's session has begun, so that it no longer counts among those that have
        /// not.
        void begun() noexcept;
        /// Whether the place is that of a CancelRequest. Such a tunnel must end soon, because a session in it
        /// would not be counted.
        bool is_cancel() const noexcept { return is_cancel_; }

    private:
        friend class ServiceSlots;
        Place(std::shared_ptr<State> state, std::string service, std::string identity, bool is_cancel);
        void give_back() noexcept;
        std::shared_ptr<State> state_;
        std::string service_;
        std::string identity_;
        bool is_cancel_ = false;
        bool has_begun_ = false;
    };

    ServiceSlots();

    /// Takes a place, or fails with Code::limit_reached and the bound that is reached. A CancelRequest
    /// (`is_cancel`) has a place of its own kind, of which an identity has a few: it must get through when
    /// all other places are taken, and PostgreSQL does not count it as a connection.
    Result<Place> enter(const std::string& service, const std::string& identity, ServiceBounds bounds,
                        bool is_cancel = false);
    /// The number of tunnels at the service, without CancelRequests.
    std::size_t count(const std::string& service) const;

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::gateway
