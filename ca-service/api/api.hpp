// The CA service's HTTP interface, /v1: which request goes to which handler, and on which threads.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "ca-service/api/refusal.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store_watch.hpp"
#include "ca-service/worker_pool.hpp"
#include "http/https_service.hpp"

namespace postern::ca::api {

/// The service has three pools, so that password hashes do not delay renewals, and strangers who try tokens
/// take no worker from people who have a certificate. In each of them the queue is fair between users or
/// addresses.
struct Workers {
    WorkerPool& logins;
    /// For requests of people who have shown a certificate.
    WorkerPool& requests;
    WorkerPool& enrolments;
};

/// Answers the requests. Thread-safe: it is called on every loop. `ca`, the pools and the watch must outlive
/// the loops.
class Api {
public:
    Api(Ca& ca, Workers workers, StoreWatch& store) : ca_(ca), workers_(workers), store_(store) {}

    /// Answers one request. A refusal is recorded before it is answered.
    boost::asio::awaitable<http::Response> handle(http::Request request, http::ClientInfo client);
    /// Records what is refused before handle() sees it: a connection that cannot ask, or a request that
    /// cannot be read. It uses the log's own queue, so that strangers take no worker from those who ask.
    boost::asio::awaitable<void> record_rejected(http::RejectedConnection rejected);

private:
    struct Call;
    /// A handler returns a Refusal and makes no answer to what it refuses: handle() makes it, after the
    /// refusal is recorded.
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
