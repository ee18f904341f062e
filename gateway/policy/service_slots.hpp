// How many tunnels one service may have at once, in all and of one identity: its PostgreSQL has
// max_connections for everybody, and a login alone, without any password of the database, takes one of those.
// Those that have not begun to talk are counted apart: they never have more than half of a service's places.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace postern::gateway {

struct ServiceBounds {
    /// With PostgreSQL's own default max_connections (100, of which 3 are the superuser's) some stay for
    /// those who do not come through this gateway.
    std::size_t connections = 90;
    std::size_t per_identity = 30;
};

/// Thread-safe. Asked when a tunnel opens, begins and ends, never for each message.
class ServiceSlots {
    struct State;

public:
    /// A tunnel's place at its service; given back when it goes.
    class Place {
    public:
        Place() = default;
        Place(Place&& other) noexcept;
        Place& operator=(Place&& other) noexcept;
        ~Place();

        /// Its session has begun: from now on it is not counted among those that have not.
        void begun() noexcept;
        /// Of a CancelRequest, which is over soon: what goes on would be a session that nobody counts.
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

    /// Code::limit_reached with the bound that is full. A CancelRequest (`is_cancel`) has a place of its own,
    /// of which an identity has few: it must go through where everything is taken, and PostgreSQL counts
    /// none.
    Result<Place> enter(const std::string& service, const std::string& identity, ServiceBounds bounds,
                        bool is_cancel = false);
    /// How many there are at the service, cancels not counted.
    std::size_t count(const std::string& service) const;

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::gateway
