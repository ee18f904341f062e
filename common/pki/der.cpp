#include "pki/der.hpp"

namespace postern::pki {

namespace {

constexpr unsigned char kLongForm = 0x80;
constexpr unsigned char kHighTag = 0x1f;

unsigned char byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

/// A decoded length.
struct Length {
    std::size_t value = 0;
    /// The bytes of tag and length together.
    std::size_t header = 0;
};

/// Reads the length of the element at the front of `bytes`, which must have at least two.
std::optional<Length> read_length(std::string_view bytes) {
    const unsigned char first = byte_at(bytes, 1);
    if (first < kLongForm) {
        return Length{first, 2};
    }
    const std::size_t count = first & ~static_cast<unsigned>(kLongForm);
    constexpr std::size_t kMostBytes = 4;
    if (count == 0 || count > kMostBytes || bytes.size() < 2 + count) {
        return std::nullopt;
    }
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = value << 8 | byte_at(bytes, 2 + i);
    }
    const bool is_shortest = value >= kLongForm && byte_at(bytes, 2) != 0;
    if (!is_shortest) {
        return std::nullopt;
    }
    return Length{value, 2 + count};
}

}  // namespace

std::optional<DerElement> DerReader::next() {
    if (left_.size() < 2 || (byte_at(left_, 0) & kHighTag) == kHighTag) {
        return std::nullopt;
    }
    const std::optional<Length> length = read_length(left_);
    if (!length || left_.size() - length->header < length->value) {
        return std::nullopt;
    }
    const std::string_view whole = left_.substr(0, length->header + length->value);
    left_.remove_prefix(whole.size());
    return DerElement{byte_at(whole, 0), whole.substr(length->header), whole};
}

std::optional<DerElement> DerReader::next(unsigned char tag) {
    return is_at(tag) ? next() : std::nullopt;
}

std::string der_encoded(unsigned char tag, std::string_view content) {
    std::string length;
    if (content.size() < kLongForm) {
        length += static_cast<char>(content.size());
    } else {
        for (std::size_t rest = content.size(); rest > 0; rest >>= 8) {
            length.insert(length.begin(), static_cast<char>(rest & 0xff));
        }
        length.insert(length.begin(), static_cast<char>(kLongForm | length.size()));
    }
    std::string encoded(1, static_cast<char>(tag));
    encoded.reserve(1 + length.size() + content.size());
    encoded += length;
    encoded += content;
    return encoded;
}

}  // namespace postern::pki
