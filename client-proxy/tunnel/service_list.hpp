// The services that the gateways offer to this login.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct OfferedService {
    std::string name;
    /// "postgres" or "tcp"
    std::string protocol;
    /// "end_to_end" or "passthrough". It is only the gateway's advice.
    std::string mode;
    std::string gateway;
    /// May be empty.
    std::string description;
    /// The database that programs should use; may be empty.
    std::string database = {};
};

/// Whether the name is at most 63 bytes long (NAMEDATALEN; PostgreSQL manual, "Identifiers and Key Words")
/// and contains only visible characters, so that service files and pasted lines look like what they are.
bool is_database_name(std::string_view name);
/// The refusal of a name for which is_database_name() is false.
Refusal bad_database_name(std::string_view name);

/// Reads the answer of one gateway to GET /v1/services. Errors: Code::malformed_request.
Result<std::vector<OfferedService>> offered_services_from_json(std::string_view text,
                                                               const std::string& gateway);

/// Asks one gateway. `timeout` applies to the connection and to the answer separately.
boost::asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services_of(
    GatewayEntry gateway, LoginPtr login, std::chrono::milliseconds timeout);
/// Asks all gateways of the catalogue at the same time, so that several that do not answer cost their
/// `timeout` only once. It fails only when none of them answers. It runs on an event loop of one thread.
boost::asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services(
    LoginPtr login, std::chrono::milliseconds timeout);

}  // namespace postern::client
