// How a service is opened: end to end or passed through. The CA's catalogue says it, or a person in so many
// words. What gateways say is held against it and decides nothing: one that was broken into would have what
// should be end to end pass through itself. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

/// The words that clients of the agent get for these refusals.
inline constexpr std::string_view kNotListed = "service_not_listed";
inline constexpr std::string_view kContradicted = "gateway_contradicts";

struct ServiceWay {
    Mode mode = Mode::end_to_end;
    bool is_postgres = true;
};

/// `wanted` is a person's own word; `offered` what gateways say, of any service. Refused: what the CA does
/// not list, unless a person has it passed through; what is no PostgreSQL, end to end; and, unless a person
/// has it passed through, what a gateway says to be another protocol than the CA does.
Outcome<ServiceWay> service_way(const Catalogue& catalogue, const std::string& service,
                                std::optional<Mode> wanted, const std::vector<OfferedService>& offered);

/// What a gateway that contradicts the CA is told of by; nothing where none does.
std::optional<Refusal> contradiction(const Catalogue& catalogue, const std::string& service,
                                     const std::vector<OfferedService>& offered);

}  // namespace postern::client
