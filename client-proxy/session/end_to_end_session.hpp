// One session of a local PostgreSQL client, end to end. The agent answers the client's start-up, does TLS
// with PostgreSQL inside the tunnel with the login certificate, and tells every refusal in PostgreSQL's
// protocol. Nothing is dialled before a complete StartupMessage or CancelRequest has arrived.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/session/session_context.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

/// Runs until the session is over. `context` outlives it.
boost::asio::awaitable<void> serve_end_to_end(const SessionContext& context, LocalPortPtr port, LocalProgram program,
                                              net::PlainStream local);

}  // namespace postern::client
