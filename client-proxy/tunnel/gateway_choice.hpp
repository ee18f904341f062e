// Chooses the gateway for a service. The catalogue names gateways but not the services behind each, so they
// are tried in turn, beginning with the one that worked last. A gateway that could not be reached is tried
// last for a while.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// All functions are thread-safe.
class GatewayChoice {
public:
    using Time = std::chrono::steady_clock::time_point;
    /// How long a gateway that failed is tried last.
    static constexpr std::chrono::seconds kShunned{30};

    /// All gateways of the catalogue: first the one that worked last for this service, at the end those that
    /// failed recently.
    std::vector<GatewayEntry> order(std::string_view service, const Catalogue& catalogue, Time now) const;
    /// Notes that the gateway served the service.
    void worked(std::string_view service, std::string_view gateway);
    /// Notes that the gateway could not be reached, or had not answered when another one had.
    void failed(std::string_view gateway, Time now);
    /// Forgets the failures, because on another network those gateways may be reachable.
    void forget_failures();
    /// The gateway that worked last for the service; empty when none has.
    std::string last(std::string_view service) const;

    /// Whether another gateway may succeed where one refused with this code: the gateway is down, admits
    /// nobody for now, or does not know the service.
    static bool may_try_another(Code code) noexcept;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::string> last_;
    /// By gateway name, the time until which it is tried last. There are as many as catalogues name.
    std::unordered_map<std::string, Time> shunned_;
};

}  // namespace postern::client
