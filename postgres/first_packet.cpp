#include "postgres/first_packet.hpp"

#include "postgres/startup.hpp"

namespace postern::postgres {

FirstPacket judge_first_packet(Bytes bytes) noexcept {
    const std::string_view text = as_text(bytes);
    if (text.empty()) {
        return FirstPacket::incomplete;
    }
    if (text[0] == 0x16) {
        return FirstPacket::tls;
    }
    if (text[0] != 0) {
        return FirstPacket::foreign;
    }
    if (text.size() < 4) {
        return FirstPacket::incomplete;
    }
    const std::size_t length = read_u32(text, 0);
    if (length < 8 || length > 4 + kMostStartupBytes) {
        return FirstPacket::foreign;
    }
    if (text.size() < length) {
        return FirstPacket::incomplete;
    }
    switch (read_u32(text, 4)) {
        case kSslRequestCode:
            return length == 8 ? FirstPacket::ssl_request : FirstPacket::foreign;
        case kGssEncRequestCode:
            return length == 8 ? FirstPacket::gss_request : FirstPacket::foreign;
        case kCancelRequestCode:
            return FirstPacket::cancel_request;
        default:
            return FirstPacket::startup_message;
    }
}

bool may_be_said_twice(FirstPacket kind, Bytes bytes) noexcept {
    const std::string_view text = as_text(bytes);
    switch (kind) {
        case FirstPacket::ssl_request:
        case FirstPacket::gss_request:
        case FirstPacket::startup_message:
            return text.size() == read_u32(text, 0);
        case FirstPacket::tls:
            // The bytes must not exceed one TLS record, whose length is in the last two bytes of its header
            // of five bytes.
            return text.size() < 5 || text.size() - 5 <= (read_u32(text, 1) & 0xffffU);
        default:
            return false;
    }
}

}  // namespace postern::postgres
