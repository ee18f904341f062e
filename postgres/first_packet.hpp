// Decides whether a client's first packet is complete, and what it is. It is for a proxy that forwards the
// packet as it came and does not contact the server before. This file is pure: it does no I/O.
#pragma once

#include "postgres/wire.hpp"

namespace postern::postgres {

/// The kind of a client's first packet.
enum class FirstPacket {
    incomplete,
    ssl_request,
    gss_request,
    cancel_request,
    startup_message,
    /// TLS from the first byte (sslnegotiation=direct). The ClientHello need not be complete.
    tls,
    /// Not PostgreSQL's protocol, or larger than PostgreSQL accepts.
    foreign,
};

/// Judges all bytes that have come so far. A result other than `incomplete` is final.
FirstPacket judge_first_packet(Bytes bytes) noexcept;

/// Returns whether the server may safely get these bytes twice, over two connections: they must be exactly
/// one packet that only begins a connection. Bytes after that packet may change data, and a CancelRequest
/// that comes late cancels another query.
bool may_be_said_twice(FirstPacket kind, Bytes bytes) noexcept;

}  // namespace postern::postgres
