// Whether the first thing that a client says is whole, and what it is: for a proxy that passes it on as it
// came, and must not trouble the server before that. Pure.
#pragma once

#include "postgres/wire.hpp"

namespace postern::postgres {

enum class FirstPacket {
    incomplete,
    ssl_request,
    gss_request,
    cancel_request,
    startup_message,
    /// TLS from the first byte (sslnegotiation=direct): its ClientHello follows as it comes.
    tls,
    /// Not PostgreSQL's protocol, or larger than its limit.
    foreign,
};

/// Judges all bytes that have come so far. A verdict other than incomplete is final.
FirstPacket judge_first_packet(Bytes bytes) noexcept;

/// Whether it does no harm when a server gets these bytes twice, over two connections: they are that packet
/// with nothing behind it, and it only begins a connection. What comes behind may change data, and a cancel
/// request that comes late hits another query.
bool may_be_said_twice(FirstPacket kind, Bytes bytes) noexcept;

}  // namespace postern::postgres
