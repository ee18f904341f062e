// The id of one connection. The agent's messages, the gateway's log, the audit record and PostgreSQL's
// application log all show the same one.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// Returns a new UUID of version 7 (RFC 9562, section 5.7): it sorts by time and has 74 random bits from the
/// kernel. Throws std::runtime_error when the kernel gives no random bytes. May be called from any thread.
std::string new_connection_id();

/// Whether `text` has the form of a UUID: 36 characters, lower case.
bool is_connection_id(std::string_view text) noexcept;

}  // namespace postern
