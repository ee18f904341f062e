// The one line at the bottom of a running `postern connect`: what is open, what moves, and how long the
// certificate lasts. It fits the terminal: what matters least goes first. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::client {

struct ShownService {
    std::string name;
    /// As the control protocol says it: connected, connecting, disconnected, error.
    std::string state;
    std::uint64_t connections = 0;
    /// Towards the local program, and from it.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

struct ShownStatus {
    std::vector<ShownService> services;
    /// As the control protocol says it: valid, renewing, expired, revoked; empty: nobody is logged in.
    std::string login_state;
    /// Nothing for certificate files that are not the profile's.
    std::optional<std::chrono::seconds> certificate_left;
};

struct LineStyle {
    std::size_t width = 80;
    bool has_color = false;
    /// Else plain ASCII.
    bool has_unicode = false;
};

/// Never longer than the width; without a newline.
std::string status_line(const ShownStatus& status, const LineStyle& style);

/// Of text whose signs have one column each.
std::size_t columns_of(std::string_view text);
/// "984 B", "1.2 MB".
std::string bytes_text(std::uint64_t bytes);
/// "12 h 30 min", "59 min", "45 s".
std::string time_left_text(std::chrono::seconds left);

}  // namespace postern::client
