// The framing of DER (X.690, section 10): tag, length, content. For lists that are too long to be made into
// an OpenSSL object for each of their members. Pure.
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

struct DerElement {
    unsigned char tag = 0;
    std::string_view content;
    /// With tag and length.
    std::string_view whole;
};

/// Reads elements one after the other from bytes that outlive it.
class DerReader {
public:
    explicit DerReader(std::string_view bytes) : left_(bytes) {}

    bool is_at_end() const noexcept { return left_.empty(); }
    /// Whether the next element has that tag.
    bool is_at(unsigned char tag) const noexcept {
        return !left_.empty() && static_cast<unsigned char>(left_.front()) == tag;
    }
    /// The next element, or nothing when it is not whole or not DER: a length that is indefinite or longer
    /// than it must be. Tags of several bytes are not known.
    std::optional<DerElement> next();
    /// Only if it has that tag.
    std::optional<DerElement> next(unsigned char tag);

private:
    std::string_view left_;
};

/// `content` with its tag and length in front.
std::string der_encoded(unsigned char tag, std::string_view content);

}  // namespace postern::pki
