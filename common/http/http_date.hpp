// The time as HTTP's Date header has it (RFC 9110, section 5.6.7): whole seconds, GMT. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace postern::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate).
std::string to_http_date(SystemTime time);

/// Reads an IMF-fixdate, the one form that is still written. Nothing for anything else.
std::optional<SystemTime> from_http_date(std::string_view text);

}  // namespace postern::http
