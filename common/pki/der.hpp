// Reads and writes the framing of DER (X.690, section 10): tag, length, content. For lists that are too long
// for one OpenSSL object per element. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::pki {

namespace der {

inline constexpr unsigned char kBoolean = 0x01;
inline constexpr unsigned char kInteger = 0x02;
inline constexpr unsigned char kBitString = 0x03;
inline constexpr unsigned char kOctetString = 0x04;
inline constexpr unsigned char kObjectIdentifier = 0x06;
inline constexpr unsigned char kEnumerated = 0x0a;
inline constexpr unsigned char kUtcTime = 0x17;
inline constexpr unsigned char kGeneralizedTime = 0x18;
inline constexpr unsigned char kSequence = 0x30;
/// [0], constructed.
inline constexpr unsigned char kContext0 = 0xa0;

}  // namespace der

/// An element; the views point into the bytes that were read.
struct DerElement {
    unsigned char tag = 0;
    std::string_view content;
    /// Including tag and length.
    std::string_view whole;
};

/// Reads consecutive elements from bytes that must outlive it.
class DerReader {
public:
    explicit DerReader(std::string_view bytes) : left_(bytes) {}

    bool is_at_end() const noexcept { return left_.empty(); }
    /// Whether the next element has this tag.
    bool is_at(unsigned char tag) const noexcept {
        return !left_.empty() && static_cast<unsigned char>(left_.front()) == tag;
    }
    /// Reads the next element. Empty when it is incomplete or not DER (an indefinite length, or one that is
    /// longer than necessary). Tags of more than one byte and lengths of more than four bytes are not
    /// supported.
    std::optional<DerElement> next();
    /// Reads the next element only if it has this tag.
    std::optional<DerElement> next(unsigned char tag);

private:
    std::string_view left_;
};

/// Puts a tag and a length in front of `content`.
std::string der_encoded(unsigned char tag, std::string_view content);

}  // namespace postern::pki
