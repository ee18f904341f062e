// What stays of a client connection for as long as it lives. Kept small: an idle tunnel holds this and its
// streams.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/tunnel/program_claims.hpp"
#include "gateway/tunnel/worker.hpp"
#include "http/server.hpp"
#include "net/connection_slots.hpp"
#include "net/pending_connections.hpp"
#include "net/plain_stream.hpp"
#include "net/tls_stream.hpp"

namespace postern::gateway {

/// For a client to read the last bytes that it was sent, and to close.
inline constexpr std::chrono::seconds kCloseTimeout{1};

struct ClientConnection {
    Worker& worker;
    std::string id;
    net::Endpoint source;
    net::TlsStream client;
    /// Among the pending, or the warm.
    net::PendingConnections::Ticket ticket;
    /// While it is warm.
    std::optional<net::ConnectionSlots::Slot> warm_place = std::nullopt;
    /// Why the certificate, although its chain is good, names nobody.
    Result<IdentityPtr> identity = Failure{Code::no_certificate, {}};
    /// What the desktop says of the local program, once it has asked for a tunnel.
    std::optional<ProgramClaims> program = std::nullopt;
};

/// Whether the trust bundle in force vouches for the client's chain, also when the handshake was done under
/// another one: a connection may have been open for long before it asks for something.
Result<void> check_still_trusted(ClientConnection& connection);

/// Writes the record connection.rejected, or counts it where the bearer of the certificate has had their
/// share of records, or the audit log takes none; then the refusal, and waits until the client has read it.
/// The connection is good for nothing else after. With the audit log unavailable the refusal says that.
boost::asio::awaitable<void> refuse(ClientConnection& connection, Failure failure, std::string service);

/// The same for a request that leaves the connection good for others: the record request.refused, or its
/// count. The refusal, to be written.
boost::asio::awaitable<http::Response> refuse_request(ClientConnection& connection, Failure failure);

/// Appends; a failure is logged, and returned.
boost::asio::awaitable<Result<void>> append(Worker& worker, audit::Record record);

}  // namespace postern::gateway
