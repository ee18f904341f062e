// The state of a client connection that is kept as long as the connection lives. It is small, because an idle
// tunnel keeps only this and its streams.
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

/// How long a client has to read the last bytes that it was sent and to close.
inline constexpr std::chrono::seconds kCloseTimeout{1};

/// A client connection. To be used on its worker's loop.
struct ClientConnection {
    Worker& worker;
    std::string id;
    net::Endpoint source;
    net::TlsStream client;
    /// Its place among the pending or the warm connections.
    net::PendingConnections::Ticket ticket;
    /// Its place in Limits while it is warm.
    std::optional<net::ConnectionSlots::Slot> warm_place = std::nullopt;
    /// Who the client is, or why its certificate, although the chain is valid, names nobody.
    Result<IdentityPtr> identity = Failure{Code::no_certificate, {}};
    /// What the desktop claims about the local program, once it has asked for a tunnel.
    std::optional<ProgramClaims> program = std::nullopt;
};

/// Checks the client's chain against the trust bundle in force, even if the handshake was done under another
/// one, because a connection may have been open for long before it asks for something.
Result<void> check_still_trusted(ClientConnection& connection);

/// Refuses the client and ends the connection: writes the audit record connection.rejected, sends the
/// refusal, and waits up to kCloseTimeout until the client has read it. The refusal is only counted when the
/// client has used up its share of records. When the audit log cannot be written, it is counted too, and the
/// response gives that as the reason. The connection cannot be used afterwards.
boost::asio::awaitable<void> refuse(ClientConnection& connection, Failure failure, std::string service);

/// Refuses one request and leaves the connection usable: writes or counts the audit record request.refused,
/// as refuse() does, and returns the response, which the caller writes.
boost::asio::awaitable<http::Response> refuse_request(ClientConnection& connection, Failure failure);

/// Appends an audit record. A failure is logged and returned.
boost::asio::awaitable<Result<void>> append(Worker& worker, audit::Record record);

}  // namespace postern::gateway
