// The first words of a PostgreSQL connection, spoken by the gateway: the SSLRequest, so that the client's TLS
// can begin with its own first byte (PostgreSQL manual, "SSL Session Encryption").
#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/byte_stream.hpp"

namespace postern::gateway {

/// Sends SSLRequest and waits for 'S'. backend_refused_tls for any other answer and for bytes behind it (they
/// did not come through TLS), backend_timed_out, backend_unreachable when the server closes, cancelled when
/// the stream is closed from outside.
boost::asio::awaitable<Result<void>> start_backend_tls(net::ByteStream& backend,
                                                       std::chrono::milliseconds timeout);

}  // namespace postern::gateway
