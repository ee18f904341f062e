// The CA service's interface, /v1: which request goes to which handler, and on which threads.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "ca-service/api/refusal.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store_watch.hpp"
#include "ca-service/worker_pool.hpp"
#include "http/https_service.hpp"

namespace postern::ca::api {

/// Three pools: password hashes must not hold up renewals, and what strangers try with tokens takes no worker
/// from people who have a certificate. In each of them the queue is fair between users or addresses.
struct Workers {
    WorkerPool& logins;
    /// Of those who have shown a certificate.
    WorkerPool& requests;
    WorkerPool& enrolments;
};

/// Thread-safe; called on every loop. `ca`, the pools and the watch outlive the loops.
class Api {
public:
    Api(Ca& ca, Workers workers, StoreWatch& store) : ca_(ca), workers_(workers), store_(store) {}

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
    boost::asio::awaitable<Outcome> crl_changes(Call call);
    boost::asio::awaitable<Outcome> health(Call call);
    boost::asio::awaitable<Outcome> login_methods(Call call);

    Ca& ca_;
    Workers workers_;
    StoreWatch& store_;
};

}  // namespace postern::ca::api
