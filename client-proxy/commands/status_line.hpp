// The status line at the bottom of a running `postern connect`: open services, traffic, and the remaining
// life of the certificate. It fits the width of the terminal; the least important parts are left out first.
// It does no I/O.
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
    /// The state in the control protocol: connected, connecting, disconnected or error.
    std::string state;
    std::uint64_t connections = 0;
    /// Bytes towards the local program, and from it.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

struct ShownStatus {
    std::vector<ShownService> services;
    /// The state in the control protocol: valid, renewing, expired or revoked. Empty when nobody is logged
    /// in.
    std::string login_state;
    /// No value for certificate files that are not the profile's.
    std::optional<std::chrono::seconds> certificate_left;
};

struct LineStyle {
    std::size_t width = 80;
    bool has_color = false;
    /// Otherwise only ASCII is used.
    bool has_unicode = false;
};

/// Returns the line without a newline. It is never wider than the style's width.
std::string status_line(const ShownStatus& status, const LineStyle& style);

/// The number of columns of text whose characters are one column wide each.
std::size_t columns_of(std::string_view text);
/// "984 B", "1.2 MB".
std::string bytes_text(std::uint64_t bytes);
/// For example "12 h 30 min", "59 min" or "45 s".
std::string time_left_text(std::chrono::seconds left);

}  // namespace postern::client
