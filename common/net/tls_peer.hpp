// The two ends of a TLS connection: which one this is, and what the other one has proved.
#pragma once

#include <optional>
#include <vector>

#include "pki/certificate.hpp"

namespace postern::net {

enum class TlsRole { client, server };

/// What the peer proved in the handshake.
struct TlsPeer {
    std::optional<pki::Certificate> certificate;
    /// In place of it, where a server's context knows its peer as a server (TlsContext::server).
    std::optional<pki::Certificate> server_certificate;
    /// As presented, leaf first.
    std::vector<pki::Certificate> chain;
    /// X509_V_OK, or X509_V_ERR_CERT_HAS_EXPIRED where the context lets that pass.
    long verify_result = 0;
};

}  // namespace postern::net
