// The health endpoints for load balancers and orchestrators: GET /livez tells whether the program runs, and
// GET /readyz whether it can do its work. Plain HTTP on a port of its own, which reveals nothing else and is
// bounded like every other port.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loops.hpp"
#include "net/listener.hpp"

namespace postern::http {

/// A condition for the program to be ready.
struct HealthCheck {
    std::string name;
    /// The fault, in words that everybody who can reach the port may read; empty if there is none.
    std::string fault;
};

/// Serves the endpoints on all loops.
class HealthService {
public:
    /// Returns the state of all conditions. Called for each request, on the thread of loop number `loop`. It
    /// must not block.
    using Checks = std::function<std::vector<HealthCheck>(std::size_t loop)>;

    /// Starts accepting at once. `loops` must outlive this object; `checks` may be called until the loops
    /// have stopped.
    HealthService(net::EventLoops& loops, net::Listener listener, Checks checks);
    /// Stops accepting and closes all connections.
    ~HealthService();
    HealthService(const HealthService&) = delete;
    HealthService& operator=(const HealthService&) = delete;

    /// The port of the listener.
    unsigned short port() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::http
