#include "pki/digest.hpp"

#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/hex.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of one base64 digit, or -1.
int digit_value(char digit) noexcept {
    const auto found = kAlphabet.find(digit);
    return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
    Sha256 digest{};
    unsigned int length = 0;
    const ErrorQueueScope errors;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
        length != digest.size()) {
        throw std::runtime_error("OpenSSL cannot compute SHA-256");
    }
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    return to_hex(sha256(bytes));
}

std::vector<unsigned char> random_bytes(std::size_t count) {
    std::vector<unsigned char> bytes(count);
    const ErrorQueueScope errors;
    if (count > 0 && RAND_bytes(bytes.data(), static_cast<int>(count)) != 1) {
        throw std::runtime_error("OpenSSL has no random bytes");
    }
    return bytes;
}

Secret random_token(std::size_t bytes) {
    std::vector<unsigned char> random = random_bytes(bytes);
    std::string text = base64(std::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
    OPENSSL_cleanse(random.data(), random.size());
    while (text.ends_with('=')) {
        text.pop_back();
    }
    for (char& c : text) {
        if (c == '+') {
            c = '-';
        }
        if (c == '/') {
            c = '_';
        }
    }
    return Secret(std::move(text));
}

std::string base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::string_view group = bytes.substr(i, 3);
        unsigned int bits = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            bits = bits << 8 | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0U);
        }
        text += kAlphabet[bits >> 18 & 63];
        text += kAlphabet[bits >> 12 & 63];
        text += group.size() > 1 ? kAlphabet[bits >> 6 & 63] : '=';
        text += group.size() > 2 ? kAlphabet[bits & 63] : '=';
    }
    return text;
}

Result<std::string> from_base64(std::string_view text) {
    const Failure malformed{Code::malformed_request, "not base64"};
    if (text.size() % 4 != 0) {
        return malformed;
    }
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::string_view group = text.substr(i, 4);
        if (i + 4 == text.size()) {
            if (group.ends_with('=')) {
                group.remove_suffix(1);
            }
            if (group.ends_with('=')) {
                group.remove_suffix(1);
            }
            if (group.size() < 2) {
                return malformed;
            }
        }
        unsigned int bits = 0;
        for (const char digit : group) {
            const int value = digit_value(digit);
            if (value < 0) {
                return malformed;
            }
            bits = bits << 6 | static_cast<unsigned int>(value);
        }
        // Two digits carry one byte, three carry two; the bits left over must be zero, so that each text is
        // the only one of its bytes.
        const std::size_t count = group.size() - 1;
        const auto spare_bits = static_cast<unsigned int>(group.size() * 6 - count * 8);
        if ((bits & ((1U << spare_bits) - 1)) != 0) {
            return malformed;
        }
        bits >>= spare_bits;
        for (std::size_t j = count; j-- > 0;) {
            bytes += static_cast<char>(bits >> (8 * j) & 255);
        }
    }
    return bytes;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::pki
