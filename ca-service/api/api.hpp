// The CA service's interface, /v1: which request goes to which handler, and on which threads.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "ca-service/ca.hpp"
#include "ca-service/worker_pool.hpp"
#include "http/https_service.hpp"

namespace postern::ca::api {

/// Two pools: password hashes must not hold up renewals and revocation lists.
struct Workers {
    WorkerPool& logins;
    WorkerPool& requests;
};

/// Thread-safe; called on every loop. `ca` and the pools outlive the loops.
class Api {
public:
    Api(Ca& ca, Workers workers) : ca_(ca), workers_(workers) {}

    boost::asio::awaitable<http::Response> handle(http::Request request, http::ClientInfo client);
    /// Records a connection that ended before it could ask. Through the log's own queue: whatever strangers
    /// do takes no worker from those who ask.
    boost::asio::awaitable<void> record_rejected(http::RejectedConnection rejected);

private:
    struct Call;
    boost::asio::awaitable<http::Response> login(Call call);
    boost::asio::awaitable<http::Response> renewal(Call call);
    boost::asio::awaitable<http::Response> logout(Call call);
    boost::asio::awaitable<http::Response> enrolment(Call call);
    boost::asio::awaitable<http::Response> trust(Call call);
    boost::asio::awaitable<http::Response> crl(Call call);
    boost::asio::awaitable<http::Response> health(Call call);
    boost::asio::awaitable<http::Response> login_methods(Call call);

    Ca& ca_;
    Workers workers_;
};

}  // namespace postern::ca::api
