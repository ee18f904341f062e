#include "client-proxy/tunnel/gateway_choice.hpp"

#include <algorithm>

namespace postern::client {

std::vector<GatewayEntry> GatewayChoice::order(std::string_view service, const Catalogue& catalogue) const {
    std::vector<GatewayEntry> gateways = catalogue.gateways;
    const std::string preferred = last(service);
    std::stable_partition(gateways.begin(), gateways.end(),
                          [&](const GatewayEntry& gateway) { return gateway.name == preferred; });
    return gateways;
}

void GatewayChoice::worked(std::string_view service, std::string_view gateway) {
    const std::lock_guard lock(mutex_);
    last_[std::string(service)] = gateway;
}

std::string GatewayChoice::last(std::string_view service) const {
    const std::lock_guard lock(mutex_);
    const auto found = last_.find(std::string(service));
    return found != last_.end() ? found->second : std::string();
}

bool GatewayChoice::may_try_another(Code code) noexcept {
    return code == Code::unreachable || code == Code::timed_out || code == Code::unknown_service ||
           code == Code::shutting_down || code == Code::end_of_stream;
}

}  // namespace postern::client
