// Why a live tunnel ended: the gateway that cut it knows.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login_source.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Why the gateway says that a tunnel ended: asks for the connection by its id. Also a refusal to answer (the
/// certificate is revoked, expired) is an answer.
boost::asio::awaitable<Refusal> ask_why_cut(std::shared_ptr<LoginSource> logins, GatewayEntry gateway,
                                            std::string connection_id);

}  // namespace postern::client
