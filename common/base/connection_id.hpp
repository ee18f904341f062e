// The id that one connection bears in the agent's messages, the gateway's log, the audit record and
// PostgreSQL's application log.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// A new UUID of version 7 (RFC 9562, section 5.7): sortable by time, 74 random bits from the kernel.
std::string new_connection_id();

/// Whether the text has the form of such an id (36 characters, lower case).
bool is_connection_id(std::string_view text) noexcept;

}  // namespace postern
