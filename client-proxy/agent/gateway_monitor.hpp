// The gateway monitor notices, from how connections end, that the login or the gateways are not what they
// were. It then has the CA service asked about the login, and the gateways about themselves.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/pace.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/agent/profile_login.hpp"
#include "client-proxy/agent/service_catalogue.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/session/events.hpp"

namespace postern::client {

/// Everything happens on the control loop.
class GatewayMonitor {
public:
    GatewayMonitor(Announcer& announcer, const OpenPorts& ports, ProfileLogin& login,
                   ServiceCatalogue& catalogue);

    /// Reads from the event whether the login or a gateway is to be asked.
    void suspect(const Event& event);
    /// Asks the gateways in the background where there is a question, somebody who waits for its answer, and
    /// no pause to keep.
    void ask_if_due();
    /// What made the last questions fail may be over, so that the next one keeps no pause.
    void end_pause() noexcept { pace_.worked(); }

private:
    bool has_question() const;
    boost::asio::awaitable<void> refresh_in_background();
    void answered(const Outcome<void>& answer);

    Announcer& announcer_;
    const OpenPorts& ports_;
    ProfileLogin& login_;
    ServiceCatalogue& catalogue_;
    bool is_refreshing_ = false;
    /// A connection has ended as if there was no gateway any more.
    bool is_doubted_ = false;
    /// No gateway has answered the last question.
    bool is_lost_ = false;
    Pace pace_;
};

}  // namespace postern::client
