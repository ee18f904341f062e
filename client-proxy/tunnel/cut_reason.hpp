// Asks the gateway that cut a live tunnel for the reason.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login_source.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Returns why the gateway says that the connection with that id ended. A refusal of the question itself (the
/// certificate is revoked or expired) also is an answer. When no reason is known, the refusal says that the
/// tunnel was cut. It takes several seconds at most.
boost::asio::awaitable<Refusal> ask_why_cut(std::shared_ptr<LoginSource> logins, GatewayEntry gateway,
                                            std::string connection_id);

}  // namespace postern::client
