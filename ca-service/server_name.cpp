#include "ca-service/server_name.hpp"

#include <algorithm>
#include <string>


#include "net/address.hpp"
#include "net/plain_stream.hpp"

namespace postern::ca {

namespace {

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

}  // namespace

bool is_server_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) {
        return false;
    }
    if (net::is_ip_address(std::string(text))) {
        return text.find('%') == std::string_view::npos;
    }
    // Digits and dots that form no address form no name either.
    if (text.find_first_not_of("0123456789.") == std::string_view::npos) {
        return false;
    }
    while (true) {
        const std::size_t dot = text.find('.');
        if (!is_label(text.substr(0, dot))) {
            return false;
        }
        if (dot == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(dot + 1);
    }
}

std::string https_url(std::string_view name, std::string_view port) {
    return "https://" + net::Address{std::string(name), std::string(port)}.text();
}

std::string spiffe_segment(std::string_view name) {
    if (name.find(':') == std::string_view::npos) {
        return std::string(name);
    }
    std::string segment = "ip6-";
    segment += name;
    std::replace(segment.begin(), segment.end(), ':', '-');
    return segment;
}

}  // namespace postern::ca
