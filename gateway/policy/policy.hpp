// The services and who may use them. There are only allow rules. They are indexed by service, so that ten
// thousand rules cost a connection no more than one. This file is pure. An empty policy denies everybody.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.hpp"
#include "gateway/policy/service_slots.hpp"
#include "net/plain_stream.hpp"

namespace postern::gateway {

/// The backend's protocol. With `postgres` the gateway can watch how a session begins.
enum class Protocol { postgres, tcp };
/// Tells the agent who does TLS with the backend: the agent itself (end_to_end) or the local program
/// (passthrough).
enum class Mode { end_to_end, passthrough };

std::string_view name(Protocol protocol) noexcept;
std::string_view name(Mode mode) noexcept;

struct Service {
    std::string name;
    net::Address backend;
    Protocol protocol = Protocol::postgres;
    Mode mode = Mode::end_to_end;
    /// Texts for people, which may be empty: a description, and the database that their programs should name.
    std::string description = {};
    std::string database = {};
    ServiceBounds bounds = {};
};

/// Allows each of `users` and each member of one of `groups` to use each of `services`.
struct Rule {
    std::vector<std::string> services;
    std::vector<std::string> users;
    std::vector<std::string> groups;
};

/// Immutable after it was made.
class Policy {
public:
    /// Makes the empty policy, which denies everybody.
    Policy() = default;
    /// Fails with Code::config_invalid when two services have the same name or a rule names a service that
    /// does not exist.
    static Result<Policy> make(std::vector<Service> services, std::span<const Rule> rules);

    /// Returns null when there is no such service. The pointer is valid as long as the policy.
    const Service* find(std::string_view service) const;
    /// Returns whether a rule allows the user or one of the groups to use the service.
    bool allows(std::string_view service, std::string_view user, std::span<const std::string> groups) const;
    /// Returns which entry of the rules admits the user, "user alice" or "group analysts", for the audit
    /// record; empty when none does.
    std::string allowed_as(std::string_view service, std::string_view user,
                           std::span<const std::string> groups) const;
    /// Returns whether any rule allows anybody to use the service.
    bool is_open_to_anyone(std::string_view service) const;
    /// The services in the order of the configuration.
    std::span<const Service> services() const noexcept { return services_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Names = std::unordered_set<std::string, Hash, std::equal_to<>>;
    struct Allowed {
        Names users;
        Names groups;
    };

    std::vector<Service> services_;
    std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> index_;
    /// The users and groups that may use each of services_, at the same index.
    std::vector<Allowed> allowed_;
};

}  // namespace postern::gateway
