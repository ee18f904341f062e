// The last words for a peer that is not let in, in the language that it seems to speak.
#pragma once

#include <string>

#include "postgres/error_response.hpp"
#include "postgres/startup.hpp"

namespace postern::postgres {

/// A fatal alert, access_denied (RFC 8446, section 6): all that can be told to TLS without a certificate.
std::string tls_rejection();

/// PostgreSQL: fatal_error(). TLS: tls_rejection(). HTTP: 400 with the refusal as its text. Else nothing.
std::string rejection_message(Language language, const Refusal& refusal);

}  // namespace postern::postgres
