// The start of a PostgreSQL connection, done by the gateway itself: it sends SSLRequest, so that the client's
// first byte to the server can already be TLS (PostgreSQL manual, "SSL Session Encryption").
#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/byte_stream.hpp"

namespace postern::gateway {

/// Sends SSLRequest and waits for 'S', both within `timeout`. Fails with backend_refused_tls on another
/// answer and when bytes follow the 'S' (they did not come through TLS), with backend_timed_out, with
/// backend_unreachable when the server closes or answers with an ErrorResponse, and with cancelled when the
/// stream is closed by somebody else. `backend` must outlive the call and is not closed by it.
boost::asio::awaitable<Result<void>> start_backend_tls(net::ByteStream& backend,
                                                       std::chrono::milliseconds timeout);

}  // namespace postern::gateway
