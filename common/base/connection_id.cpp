#include "base/connection_id.hpp"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>

#include "base/hex.hpp"

namespace postern {

std::string new_connection_id() {
    std::array<unsigned char, 16> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw std::runtime_error("the kernel gave no random bytes");
    }
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    for (std::size_t i = 0; i < 6; ++i) {
        bytes[i] = static_cast<unsigned char>((static_cast<std::uint64_t>(now) >> (40 - 8 * i)) & 0xffU);
    }
    bytes[6] = static_cast<unsigned char>(0x70U | (bytes[6] & 0x0fU));
    bytes[8] = static_cast<unsigned char>(0x80U | (bytes[8] & 0x3fU));
    std::string text = to_hex(bytes);
    for (const std::size_t at : {20, 16, 12, 8}) {
        text.insert(at, 1, '-');
    }
    return text;
}

bool is_connection_id(std::string_view text) noexcept {
    if (text.size() != 36) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (is_dash_place ? c != '-' : !is_digit) {
            return false;
        }
    }
    return true;
}

}  // namespace postern
