#include "client-proxy/tunnel/gateway_choice.hpp"

#include <algorithm>

namespace postern::client {

std::vector<GatewayEntry> GatewayChoice::order(std::string_view service, const Catalogue& catalogue,
                                               Time now) const {
    std::vector<GatewayEntry> gateways = catalogue.gateways;
    if (gateways.size() < 2) {
        return gateways;
    }
    const std::string preferred = last(service);
    std::stable_partition(gateways.begin(), gateways.end(),
                          [&](const GatewayEntry& gateway) { return gateway.name == preferred; });
    const std::lock_guard lock(mutex_);
    std::stable_partition(gateways.begin(), gateways.end(), [&](const GatewayEntry& gateway) {
        const auto found = shunned_.find(gateway.name);
        return found == shunned_.end() || found->second <= now;
    });
    return gateways;
}

void GatewayChoice::worked(std::string_view service, std::string_view gateway) {
    const std::lock_guard lock(mutex_);
    last_[std::string(service)] = gateway;
    shunned_.erase(std::string(gateway));
}

void GatewayChoice::failed(std::string_view gateway, Time now) {
    const std::lock_guard lock(mutex_);
    shunned_[std::string(gateway)] = now + kShunned;
}

void GatewayChoice::forget_failures() {
    const std::lock_guard lock(mutex_);
    shunned_.clear();
}

std::string GatewayChoice::last(std::string_view service) const {
    const std::lock_guard lock(mutex_);
    const auto found = last_.find(std::string(service));
    return found != last_.end() ? found->second : std::string();
}

bool GatewayChoice::may_try_another(Code code) noexcept {
    switch (code) {
        case Code::unreachable:
        case Code::timed_out:
        case Code::unknown_service:
        case Code::shutting_down:
        case Code::end_of_stream:
        // With these codes the gateway admits nobody for now, whoever asks.
        case Code::crl_stale:
        case Code::audit_unavailable:
        case Code::unavailable:
        case Code::out_of_resources:
        case Code::not_tls:
        case Code::internal:
            return true;
        default:
            return false;
    }
}

}  // namespace postern::client
