// What the gateways let this login use.
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
    /// The gateway's advice, no more: "end_to_end" or "passthrough".
    std::string mode;
    std::string gateway;
    /// May be empty.
    std::string description;
    /// The database that people's programs are to name; may be empty.
    std::string database = {};
};

/// What a database may be called (NAMEDATALEN in PostgreSQL's manual, "Identifiers and Key Words"), and what
/// can stand in a service file and in lines that people paste: those look like what they are.
bool is_database_name(std::string_view name);
/// What is told of another one.
Refusal bad_database_name(std::string_view name);

/// Of one gateway's GET /v1/services. Code::malformed_request.
Result<std::vector<OfferedService>> offered_services_from_json(std::string_view text,
                                                               const std::string& gateway);

/// Asks one gateway.
boost::asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services_of(
    GatewayEntry gateway, LoginPtr login, std::chrono::milliseconds timeout);
/// Asks every gateway of the catalogue at once, so that those that do not answer take their `timeout` once.
/// Fails only when none of them answers. On a loop of one thread.
boost::asio::awaitable<Outcome<std::vector<OfferedService>>> fetch_services(
    LoginPtr login, std::chrono::milliseconds timeout);

}  // namespace postern::client
