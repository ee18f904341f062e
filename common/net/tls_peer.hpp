// The role of this end of a TLS connection, and what the other end proved.
#pragma once

#include <optional>
#include <vector>

#include "pki/certificate.hpp"

namespace postern::net {

/// The role of this end of a connection.
enum class TlsRole { client, server };

/// What the peer proved in the handshake.
struct TlsPeer {
    /// The peer's leaf; empty if it presented none, or if `server_certificate` has it.
    std::optional<pki::Certificate> certificate;
    /// The peer's leaf if a server's context recognises its peer as a server (TlsContext::server).
    std::optional<pki::Certificate> server_certificate;
    /// The certificates as presented, leaf first.
    std::vector<pki::Certificate> chain;
    /// X509_V_OK, or X509_V_ERR_CERT_HAS_EXPIRED if the context accepts that.
    long verify_result = 0;
};

}  // namespace postern::net
