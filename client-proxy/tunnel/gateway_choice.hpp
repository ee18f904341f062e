// Which gateway a service is behind: the catalogue names gateways, not what stands behind each, so that they
// are tried in turn and the one that worked is tried first the next time.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client-proxy/refusal.hpp"
#include "client-proxy/tunnel/catalogue.hpp"

namespace postern::client {

/// Thread-safe.
class GatewayChoice {
public:
    /// All of the catalogue's, the one that worked last for this service in front.
    std::vector<GatewayEntry> order(std::string_view service, const Catalogue& catalogue) const;
    void worked(std::string_view service, std::string_view gateway);
    std::string last(std::string_view service) const;

    /// Whether another gateway may do what this one refused: it is away, or knows no such service.
    static bool may_try_another(Code code) noexcept;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::string> last_;
};

}  // namespace postern::client
