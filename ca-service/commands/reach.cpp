#include "ca-service/commands/reach.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printed.hpp"
#include "base/shown_text.hpp"
#include "ca-service/gateway_reports.hpp"
#include "ca-service/store/gateway_lists.hpp"

namespace postern::ca::commands {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{50};
constexpr milliseconds kTimeout{5'000};
/// How long the service is waited for where no gateway is waited for.
constexpr milliseconds kPublishTimeout{2'000};
/// A gateway that was heard of within this time is there, and is waited for.
constexpr auto kLately = 3 * GatewayReports::kSignOfLife;

/// How far a revocation has got. Times are counted from the moment that it was committed.
struct Reach {
    struct Gateway {
        std::string name;
        /// Empty while the gateway does not hold a list with the revocation.
        std::optional<milliseconds> after{};
        /// When the gateway last said what it holds; empty when it never did.
        std::optional<SystemTime> heard_at{};
    };
    /// When the CA service put the revocation on a list; empty when it has not.
    std::optional<milliseconds> published{};
    std::vector<Gateway> gateways{};
};

/// Returns what is known before the first look: the names of the catalogue's gateways.
Reach of_catalogue(const Config& config) {
    Reach reach;
    for (const CatalogueGateway& gateway : config.gateways) {
        reach.gateways.push_back({gateway.name});
    }
    return reach;
}

Reach::Gateway& gateway_of(Reach& reach, const std::string& name) {
    const auto found = std::ranges::find(reach.gateways, name, &Reach::Gateway::name);
    return found != reach.gateways.end() ? *found : reach.gateways.emplace_back(Reach::Gateway{name});
}

std::string seconds_of(milliseconds time) {
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000.0);
}

/// Follows what the running service writes to the store until every gateway that was heard of lately holds a
/// list that covers `revocations` (of the store's counter), for `timeout` at the most. The result has each
/// gateway that ever reported, and those of the catalogue.
Result<Reach> watch_reach(store::Database& database, const Config& config, std::uint64_t revocations,
                          milliseconds timeout, const Clock& clock) {
    const auto began = steady_clock::now();
    Reach reach = of_catalogue(config);
    // The number of the first list that covers the revocation.
    std::optional<std::uint64_t> number;
    while (true) {
        const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
        const auto newest = store::newest_list(database);
        if (!newest) {
            return newest.error();
        }
        if (!number && newest->revocations >= revocations) {
            number = newest->number;
            reach.published = took;
        }
        const auto lists = store::gateway_lists(database);
        if (!lists) {
            return lists.error();
        }
        bool is_missing_one = false;
        for (const store::GatewayList& list : *lists) {
            Reach::Gateway& gateway = gateway_of(reach, list.gateway);
            gateway.heard_at = list.heard_at;
            if (number && list.crl_number >= *number && !gateway.after) {
                gateway.after = took;
            }
            is_missing_one = is_missing_one || (!gateway.after && clock() - list.heard_at < kLately);
        }
        const bool is_published = number || took >= kPublishTimeout;
        if (reach.gateways.empty() || (is_published && !is_missing_one) || took >= timeout) {
            break;
        }
        std::this_thread::sleep_for(kLookEvery);
    }
    std::ranges::sort(reach.gateways, {}, &Reach::Gateway::name);
    return reach;
}

/// Returns sentences for a person, one a line.
std::string told_of(const Reach& reach) {
    std::vector<std::string> held;
    std::vector<std::string> missing;
    for (const Reach::Gateway& gateway : reach.gateways) {
        if (gateway.after) {
            held.push_back(fmt::format("{} after {}", shown(gateway.name), seconds_of(*gateway.after)));
        } else if (gateway.heard_at) {
            missing.push_back(
                fmt::format("{} (last heard of at {})", shown(gateway.name), format_time(*gateway.heard_at)));
        } else {
            missing.push_back(fmt::format("{} (never heard of)", shown(gateway.name)));
        }
    }
    std::string text;
    if (!held.empty()) {
        text += fmt::format("In force at: {}.\n", fmt::join(held, ", "));
    }
    if (!missing.empty()) {
        text += fmt::format("Not yet at: {}.\n", fmt::join(missing, ", "));
        text += reach.published
                    ? "A gateway that the list does not reach lets nobody in when its own is over "
                      "(crl_lifetime): look at its log for crl.not_fetched.\n"
                    : "The CA service has put it on no list yet: see whether postern-ca serve runs.\n";
    }
    return text;
}

nlohmann::json to_json(const Reach& reach) {
    const auto seconds = [](const std::optional<milliseconds>& time) {
        return time ? nlohmann::json(static_cast<double>(time->count()) / 1000.0) : nlohmann::json();
    };
    nlohmann::json gateways = nlohmann::json::array();
    for (const Reach::Gateway& gateway : reach.gateways) {
        gateways.push_back({{"name", gateway.name},
                            {"in_force", gateway.after.has_value()},
                            {"seconds", seconds(gateway.after)},
                            {"last_heard", gateway.heard_at ? nlohmann::json(format_time(*gateway.heard_at))
                                                            : nlohmann::json()}});
    }
    return {{"published_seconds", seconds(reach.published)}, {"gateways", std::move(gateways)}};
}

/// Waits for as long as a person would. Returns nothing where there is no gateway to tell of.
std::optional<Reach> reach_of(Administration& administration, const Revoked& revoked) {
    auto reach = watch_reach(administration.database, administration.config, revoked.counter, kTimeout,
                             administration.clock);
    if (!reach) {
        // The revocation is done all the same.
        say_to(stderr, "postern-ca: warning: cannot see which gateways have it: {}\n", reach.error().detail);
        return std::nullopt;
    }
    return reach->gateways.empty() ? std::nullopt : std::optional<Reach>(std::move(*reach));
}

}  // namespace

bool tell_of_revocation(Administration& administration, const Revoked& revoked, RevocationTold told) {
    const bool is_nothing = revoked.certificates == 0 && revoked.sessions == 0;
    if (!told.is_json) {
        fmt::print("{}", is_nothing ? told.nothing : told.done);
        std::fflush(stdout);
    }
    std::optional<Reach> reach;
    if (!is_nothing && !told.is_not_waiting) {
        reach = reach_of(administration, revoked);
    }
    if (told.is_json) {
        told.json["certificates"] = revoked.certificates;
        told.json["sessions"] = revoked.sessions;
        if (reach) {
            told.json.update(to_json(*reach));
        }
        say_json(told.json);
        return false;
    }
    if (reach) {
        fmt::print("{}", told_of(*reach));
    }
    return !is_nothing;
}

void add_no_wait(CLI::App* command, bool& is_not_waiting) {
    command->add_flag("--no-wait", is_not_waiting, "Do not wait for the gateways to say that they have it");
}

}  // namespace postern::ca::commands
