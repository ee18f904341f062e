// The last message to a peer that is refused, in the protocol that the peer seems to speak.
#pragma once

#include <string>

#include "postgres/error_response.hpp"
#include "postgres/startup.hpp"

namespace postern::postgres {

/// A fatal TLS alert, access_denied (RFC 8446, section 6). Without a certificate nothing else can be said to
/// a TLS client.
std::string tls_rejection();

/// Returns fatal_error() for PostgreSQL, tls_rejection() for TLS, a response 400 with the refusal as its text
/// for HTTP, and nothing for an unknown protocol.
std::string rejection_message(Language language, const Refusal& refusal);

}  // namespace postern::postgres
