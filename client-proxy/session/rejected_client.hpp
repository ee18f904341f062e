// A local connection that may not come in, of another user or by a program that is not allowed: it reads why,
// in PostgreSQL's own protocol, and nothing is dialled for it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/refusal/refusal.hpp"
#include "net/pending_connections.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

/// `strangers` bounds how many are told at a time; beyond that the oldest is cut without a word. A client of
/// a passed-through port, which brings its own TLS, is told in answer to its request for it.
boost::asio::awaitable<void> reject_client(net::PendingConnections& strangers, Refusal refusal,
                                           net::PlainStream local, bool brings_tls);

}  // namespace postern::client
