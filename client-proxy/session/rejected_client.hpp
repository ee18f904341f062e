// A local connection that is rejected, because it comes from another user or from a program that is not
// allowed. The client reads the reason in PostgreSQL's protocol, and nothing is dialled for it.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/refusal/refusal.hpp"
#include "net/pending_connections.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

/// Tells the client of the refusal and closes. `strangers` bounds how many clients are told at the same time;
/// beyond that the oldest is closed without a message. `brings_tls` is true for a passthrough port, whose
/// client does TLS itself and is told in answer to its SSLRequest. `strangers` outlives the call.
boost::asio::awaitable<void> reject_client(net::PendingConnections& strangers, Refusal refusal,
                                           net::PlainStream local, bool brings_tls);

}  // namespace postern::client
