// The CA service's interface, /v1: which request goes to which handler, and on which threads.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "ca-service/api/refusal.hpp"
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
    /// Records what is refused before handle() sees it: a connection that cannot ask, a request that cannot be
    /// read. Through the log's own queue: whatever strangers do takes no worker from those who ask.
    boost::asio::awaitable<void> record_rejected(http::RejectedConnection rejected);

private:
    struct Call;
    /// A handler makes no answer to what it refuses: handle() does, after the record of it.
    using Outcome = boost::system::result<http::Response, Refusal>;
    boost::asio::awaitable<Outcome> login(Call call);
    boost::asio::awaitable<Outcome> renewal(Call call);
    boost::asio::awaitable<Outcome> logout(Call call);
    boost::asio::awaitable<Outcome> enrolment(Call call);
    boost::asio::awaitable<Outcome> trust(Call call);
    boost::asio::awaitable<Outcome> crl(Call call);
    boost::asio::awaitable<Outcome> health(Call call);
    boost::asio::awaitable<Outcome> login_methods(Call call);

    Ca& ca_;
    Workers workers_;
};

}  // namespace postern::ca::api
