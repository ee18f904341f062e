// Formats and parses the time of HTTP's Date header (RFC 9110, section 5.6.7): whole seconds, GMT. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace postern::http {

/// Formats an IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string to_http_date(SystemTime time);

/// Parses an IMF-fixdate, the only form that is still generated; empty for anything else.
std::optional<SystemTime> from_http_date(std::string_view text);

}  // namespace postern::http
