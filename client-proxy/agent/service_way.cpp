#include "client-proxy/agent/service_way.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/spelling.hpp"

namespace postern::client {

namespace {

Refusal not_listed(const Catalogue& catalogue, const std::string& service) {
    std::vector<std::string> names;
    for (const auto& entry : catalogue.services) {
        names.push_back(entry.name);
    }
    const std::string near = nearest_word(service, names);
    if (!near.empty()) {
        return {Code::policy_denied,
                fmt::format("the CA lists no service {} (did you mean {}?)", service, near),
                "See what there is: postern services",
                {},
                kNotListed};
    }
    return {
        Code::policy_denied,
        fmt::format("the CA lists no service {}, so that it cannot be told who must answer", service),
        fmt::format("Ask its administrator to list it. Only what the gateway may read goes without: postern "
                    "connect --passthrough {}",
                    service),
        {},
        kNotListed};
}

Refusal not_postgres(const std::string& service) {
    return {Code::config_invalid,
            fmt::format("{} is not PostgreSQL", service),
            fmt::format("Let its bytes through untouched: postern connect --passthrough {}", service),
            {}};
}

/// Whether clients of a service that no CA describes begin with PostgreSQL's protocol. Here the gateway's
/// word is good enough: it decides only what a passthrough client's first packet looks like, which the
/// gateway sees anyway.
bool speaks_postgres(const std::string& service, const std::vector<OfferedService>& offered) {
    const auto offer = std::find_if(offered.begin(), offered.end(),
                                    [&](const OfferedService& one) { return one.name == service; });
    return offer == offered.end() || offer->protocol == "postgres";
}

}  // namespace

std::optional<Refusal> contradiction(const Catalogue& catalogue, const std::string& service,
                                     const std::vector<OfferedService>& offered) {
    const ServiceEntry* const entry = catalogue.find(service);
    if (entry == nullptr && catalogue.is_complete) {
        return std::nullopt;  // There is nothing to contradict.
    }
    const bool is_postgres = entry == nullptr || entry->is_postgres;
    for (const auto& offer : offered) {
        if (offer.name != service || (offer.protocol == "postgres") == is_postgres) {
            continue;
        }
        if (entry == nullptr) {
            return Refusal{
                Code::wrong_server_identity,
                fmt::format("the gateway {} says that {} is not PostgreSQL, and no CA has said so",
                            offer.gateway, service),
                fmt::format("If you know that it is not: postern connect --passthrough {}", service),
                {},
                kContradicted};
        }
        return Refusal{
            Code::wrong_server_identity,
            fmt::format("the gateway {} says that {} is {}PostgreSQL, and the CA says that it is {}",
                        offer.gateway, service, is_postgres ? "not " : "",
                        is_postgres ? "PostgreSQL" : "not"),
            "Nothing was opened. Tell the administrator: gateway.toml or the CA's ca.toml is wrong, "
            "or somebody has broken into the gateway.",
            {},
            kContradicted};
    }
    return std::nullopt;
}

Outcome<ServiceWay> service_way(const Catalogue& catalogue, const std::string& service,
                                std::optional<Mode> wanted, const std::vector<OfferedService>& offered) {
    const ServiceEntry* const entry = catalogue.find(service);
    if (wanted == Mode::passthrough) {
        return ServiceWay{Mode::passthrough,
                          entry != nullptr ? entry->is_postgres : speaks_postgres(service, offered)};
    }
    if (entry == nullptr && catalogue.is_complete) {
        return not_listed(catalogue, service);
    }
    const ServiceEntry known = catalogue.service(service);
    if (wanted && !known.is_postgres) {
        return not_postgres(service);
    }
    if (auto contradicted = contradiction(catalogue, service, offered)) {
        return *std::move(contradicted);
    }
    return ServiceWay{wanted.value_or(known.mode), known.is_postgres};
}

}  // namespace postern::client
