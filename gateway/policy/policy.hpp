// Which services there are and who may use them: allow rules only, indexed by service, so that ten thousand
// rules cost a connection no more than one. Pure. An empty policy denies everybody.
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

/// What the backend speaks; `postgres` lets the gateway watch how a session begins.
enum class Protocol { postgres, tcp };
/// Advice for the agent: who makes TLS with the backend.
enum class Mode { end_to_end, passthrough };

std::string_view name(Protocol protocol) noexcept;
std::string_view name(Mode mode) noexcept;

struct Service {
    std::string name;
    net::Address backend;
    Protocol protocol = Protocol::postgres;
    Mode mode = Mode::end_to_end;
    /// For people: what it is, and the database that their programs are to name. May be empty.
    std::string description = {};
    std::string database = {};
    ServiceBounds bounds = {};
};

/// Lets each of `users` and each member of one of `groups` use each of `services`.
struct Rule {
    std::vector<std::string> services;
    std::vector<std::string> users;
    std::vector<std::string> groups;
};

class Policy {
public:
    /// Knows no service and lets nobody in.
    Policy() = default;
    /// Code::config_invalid for two services of one name and for a rule that names a service that does not
    /// exist.
    static Result<Policy> make(std::vector<Service> services, std::span<const Rule> rules);

    /// Null when there is no such service. Valid as long as the policy.
    const Service* find(std::string_view service) const;
    /// Whether a rule lets the user, or one of the groups, use the service.
    bool allows(std::string_view service, std::string_view user, std::span<const std::string> groups) const;
    /// Whom the rules name, of the user and the groups, to let them in: "user alice" or "group analysts", for
    /// the record. Empty when nobody is let in.
    std::string allowed_as(std::string_view service, std::string_view user,
                           std::span<const std::string> groups) const;
    /// Whether any rule opens the service to anybody.
    bool is_open_to_anyone(std::string_view service) const;
    /// In the order of the configuration.
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
    /// One for each of services_.
    std::vector<Allowed> allowed_;
};

}  // namespace postern::gateway
