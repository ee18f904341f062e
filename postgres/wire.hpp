// The integers and the framing of PostgreSQL's frontend/backend protocol, version 3
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::postgres {

using Bytes = std::span<const unsigned char>;
using Buffer = std::span<unsigned char>;

/// Codes that a first packet has in place of the version of a StartupMessage.
inline constexpr std::uint32_t kCancelRequestCode = 80877102;
inline constexpr std::uint32_t kSslRequestCode = 80877103;
inline constexpr std::uint32_t kGssEncRequestCode = 80877104;

/// The header of every message except a client's first: a type byte, and a length that counts itself.
inline constexpr std::size_t kHeaderBytes = 5;

/// The size of the key in BackendKeyData and CancelRequest: the process id, and a secret of 4 bytes (protocol
/// 3.0) to 256 bytes (3.2).
inline constexpr std::size_t kLeastCancelKeyBytes = 4 + 4;
inline constexpr std::size_t kMostCancelKeyBytes = 4 + 256;

/// Reads four bytes in network byte order at the offset `at`, which the caller has checked.
inline std::uint32_t read_u32(std::string_view bytes, std::size_t at) noexcept {
    const auto byte = [&](std::size_t offset) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + offset]));
    };
    return byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
}

/// Appends four bytes in network byte order.
inline void append_u32(std::string& out, std::uint32_t value) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out.push_back(static_cast<char>(value >> shift & 0xffU));
    }
}

inline Bytes as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace postern::postgres
