// One local PostgreSQL client, taken end to end: its start-up is answered here, TLS with PostgreSQL is made
// here inside the tunnel, with the login certificate, and every refusal is told in PostgreSQL's protocol.
// Nothing is dialled before a whole StartupMessage or CancelRequest has come.
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
