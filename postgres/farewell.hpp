// The last words for a peer that is not let in, in the language that it seems to speak.
#pragma once

#include <string>

#include "postgres/error_response.hpp"
#include "postgres/startup.hpp"

namespace postern::postgres {

/// A fatal alert, access_denied (RFC 8446, section 6): all that can be told to TLS without a certificate.
std::string tls_farewell();

/// PostgreSQL: fatal_error(). TLS: tls_farewell(). HTTP: 400 with the refusal as its text. Else nothing.
std::string farewell(Language language, const Refusal& refusal);

}  // namespace postern::postgres
