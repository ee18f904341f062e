// Which gateway a service is behind: the catalogue names gateways, not what stands behind each, so that they
// are tried in turn and the one that worked is tried first the next time. One that could not be reached is
// tried last for a while.
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

/// Thread-safe.
class GatewayChoice {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kShunned{30};

    /// All of the catalogue's, the one that worked last for this service in front, those that failed lately
    /// behind.
    std::vector<GatewayEntry> order(std::string_view service, const Catalogue& catalogue, Time now) const;
    void worked(std::string_view service, std::string_view gateway);
    /// It could not be reached, or was silent until another one had answered.
    void failed(std::string_view gateway, Time now);
    /// The network is another one: who failed may be reached now.
    void forget_failures();
    std::string last(std::string_view service) const;

    /// Whether another gateway may do what this one refused: it is away, can let nobody in for now, or
    /// knows no such service.
    static bool may_try_another(Code code) noexcept;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::string> last_;
    /// By gateway, until when it is tried last. As many as catalogues name.
    std::unordered_map<std::string, Time> shunned_;
};

}  // namespace postern::client
