// What load balancers and orchestrators ask a program: GET /livez, whether it runs, and GET /readyz, whether it
// can do its work. Plain HTTP on a port of its own, which tells nothing but that; bounded like every other port.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loops.hpp"
#include "net/listener.hpp"

namespace postern::http {

/// One thing that must be right for the program to be ready.
struct HealthCheck {
    std::string name;
    /// What is wrong, in words for everybody who can reach the port; empty: nothing is.
    std::string fault;
};

class HealthService {
public:
    /// Called on the loop of that index, as often as somebody asks. It must not block.
    using Checks = std::function<std::vector<HealthCheck>(std::size_t loop)>;

    /// Begins to accept at once. `loops` must outlive this object; `checks` is called until they have
    /// stopped.
    HealthService(net::EventLoops& loops, net::Listener listener, Checks checks);
    /// Stops accepting and cuts what is left.
    ~HealthService();
    HealthService(const HealthService&) = delete;
    HealthService& operator=(const HealthService&) = delete;

    unsigned short port() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::http
