// PostgreSQL's packets as tests write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/wire.hpp"

namespace postern::postgres::test {

inline std::string u32(std::uint32_t value) {
    std::string out;
    append_u32(out, value);
    return out;
}

/// Returns what a client sends first: a length that counts itself, and the payload.
inline std::string packet(std::string_view payload) {
    return u32(static_cast<std::uint32_t>(payload.size() + 4)) + std::string(payload);
}

inline std::string message(char type, std::string_view body) {
    return type + u32(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

inline const std::string kSslRequest = packet(u32(kSslRequestCode));
inline const std::string kGssEncRequest = packet(u32(kGssEncRequestCode));

inline std::string startup(std::string_view parameters, std::uint32_t version = 0x00030000) {
    return packet(u32(version) + std::string(parameters));
}
inline const std::string kStartup =
    startup(std::string_view("user\0alice\0database\0orders\0application_name\0psql\0\0", 50));

}  // namespace postern::postgres::test
