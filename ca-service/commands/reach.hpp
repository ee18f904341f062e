// Whom a revocation has reached: what cert revoke and user disable wait for and tell.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/config.hpp"
#include "ca-service/revocation.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::commands {

/// How far a revocation has got. Times are counted from the moment that it was committed.
struct Reach {
    struct Gateway {
        std::string name;
        /// Nothing while it does not hold a list with the revocation.
        std::optional<std::chrono::milliseconds> after{};
        /// When it last said what it holds; nothing when it never did.
        std::optional<SystemTime> heard_at{};
    };
    /// When the CA service put it on a list; nothing when it has not.
    std::optional<std::chrono::milliseconds> published{};
    std::vector<Gateway> gateways{};
};

/// Follows what the running service writes down until every gateway that was heard of lately holds a list
/// that answers to `revocations` (of the store's counter), for `patience` at the most. Of each gateway that
/// ever said something, and of those of the catalogue.
Result<Reach> watch_reach(store::Database& database, const Config& config, std::uint64_t revocations,
                          std::chrono::milliseconds patience, const Clock& clock);

/// The same for a command: what was revoked just now, as long as a person waits. Nothing where there is no gateway
/// to tell of.
Outcome<std::optional<Reach>> reach_of(const CommandLine& line, Administration& administration,
                                       const Revoked& revoked);
/// --no-wait.
void add_no_wait(CLI::App* command, bool& is_not_waiting);

/// Sentences for a person, one a line.
std::string told(const Reach& reach);
nlohmann::json to_json(const Reach& reach);

}  // namespace postern::ca::commands
