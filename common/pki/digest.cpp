#include "pki/digest.hpp"

#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/hex.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

namespace {

/// EVP_EncodeBlock(3) and EVP_DecodeBlock(3) count in int.
constexpr std::size_t kMostBase64Bytes = 1U << 30;

const unsigned char* unsigned_bytes(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
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
    if (bytes.size() > kMostBase64Bytes) {
        throw std::length_error("too much for base64");
    }
    // EVP_EncodeBlock(3) writes a NUL behind the digits.
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), unsigned_bytes(bytes),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<std::string> from_base64(std::string_view text) {
    const Failure malformed{Code::malformed_request, "not base64"};
    if (text.size() % 4 != 0 || text.size() > kMostBase64Bytes) {
        return malformed;
    }
    std::string bytes(text.size() / 4 * 3, '\0');
    const ErrorQueueScope errors;
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), unsigned_bytes(text),
                        static_cast<int>(text.size())) != static_cast<int>(bytes.size())) {
        return malformed;
    }
    // EVP_DecodeBlock(3) counts the padding as bytes, skips blanks, and ignores the bits that are left over:
    // only the text that the bytes are written as is taken, so that there is one text for them.
    for (std::size_t padding = 0; padding < 2 && text.ends_with('='); ++padding) {
        text.remove_suffix(1);
        bytes.pop_back();
    }
    const std::string canonical = base64(bytes);
    if (std::string_view(canonical).substr(0, text.size()) != text) {
        return malformed;
    }
    return bytes;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::pki
