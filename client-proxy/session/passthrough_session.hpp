// One session of a local client whose bytes pass unchanged: a PostgreSQL client that does TLS itself with the
// files of the login certificate, or a client of any other TCP protocol.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client-proxy/session/session_context.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

/// Runs until the session is over. `context` outlives it. For PostgreSQL nothing is dialled before the
/// client's first packet, or the first byte of its TLS, has arrived.
boost::asio::awaitable<void> serve_passthrough(const SessionContext& context, LocalPortPtr port, LocalProgram program,
                                               net::PlainStream local);

}  // namespace postern::client
