// The squatter watch looks who listens on the remembered ports of services that are not open, and knows the
// programs among them that are another user's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/pace.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Everything happens on the control loop.
class SquatterWatch {
public:
    SquatterWatch(Announcer& announcer, const OpenPorts& ports) : announcer_(announcer), ports_(ports) {}

    /// Looks, unless it did so a moment ago. Tells the event of each squatter once, when they come, and calls
    /// `on_change` for each service to which one came or from which one went.
    void look(const std::function<void(const std::string&)>& on_change);
    /// Returns what is told of who is on the service's port, and null where nobody is.
    const Refusal* of(std::string_view service) const;

private:
    Announcer& announcer_;
    const OpenPorts& ports_;
    std::map<std::string, Refusal, std::less<>> found_;
    Pace::Time next_{};
};

}  // namespace postern::client
