#include "gateway/policy/policy.hpp"

#include <fmt/format.h>

namespace postern::gateway {

std::string_view name(Protocol protocol) noexcept {
    return protocol == Protocol::postgres ? "postgres" : "tcp";
}

std::string_view name(Mode mode) noexcept {
    return mode == Mode::end_to_end ? "end_to_end" : "passthrough";
}

Result<Policy> Policy::make(std::vector<Service> services, std::span<const Rule> rules) {
    Policy policy;
    policy.services_ = std::move(services);
    policy.allowed_.resize(policy.services_.size());
    for (std::size_t i = 0; i < policy.services_.size(); ++i) {
        if (!policy.index_.emplace(policy.services_[i].name, i).second) {
            return Failure{Code::config_invalid,
                           fmt::format("there are two services named '{}'", policy.services_[i].name)};
        }
    }
    for (const Rule& rule : rules) {
        for (const std::string& service : rule.services) {
            const auto found = policy.index_.find(service);
            if (found == policy.index_.end()) {
                return Failure{Code::config_invalid,
                               fmt::format("a rule names the unknown service '{}'", service)};
            }
            Allowed& allowed = policy.allowed_[found->second];
            allowed.users.insert(rule.users.begin(), rule.users.end());
            allowed.groups.insert(rule.groups.begin(), rule.groups.end());
        }
    }
    return policy;
}

const Service* Policy::find(std::string_view service) const {
    const auto found = index_.find(service);
    return found == index_.end() ? nullptr : &services_[found->second];
}

bool Policy::allows(std::string_view service, std::string_view user,
                    std::span<const std::string> groups) const {
    const auto found = index_.find(service);
    if (found == index_.end()) {
        return false;
    }
    const Allowed& allowed = allowed_[found->second];
    if (allowed.users.contains(user)) {
        return true;
    }
    for (const std::string& group : groups) {
        if (allowed.groups.contains(group)) {
            return true;
        }
    }
    return false;
}

std::string Policy::allowed_as(std::string_view service, std::string_view user,
                               std::span<const std::string> groups) const {
    const auto found = index_.find(service);
    if (found == index_.end()) {
        return {};
    }
    const Allowed& allowed = allowed_[found->second];
    if (allowed.users.contains(user)) {
        return fmt::format("user {}", user);
    }
    for (const std::string& group : groups) {
        if (allowed.groups.contains(group)) {
            return fmt::format("group {}", group);
        }
    }
    return {};
}

bool Policy::is_open_to_anyone(std::string_view service) const {
    const auto found = index_.find(service);
    if (found == index_.end()) {
        return false;
    }
    const Allowed& allowed = allowed_[found->second];
    return !allowed.users.empty() || !allowed.groups.empty();
}

}  // namespace postern::gateway
