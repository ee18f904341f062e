#include "pki/openssl.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include <climits>
#include <openssl/err.h>

namespace postern::pki {

ErrorQueueScope::ErrorQueueScope() noexcept {
    ERR_clear_error();
}

ErrorQueueScope::~ErrorQueueScope() {
    ERR_clear_error();
}

Failure openssl_failure(Code code, std::string_view what) {
    std::string detail(what);
    std::string_view separator = ": ";
    while (const unsigned long error = ERR_get_error()) {
        detail += separator;
        separator = "; ";
        if (const char* reason = ERR_reason_error_string(error)) {
            detail += reason;
            continue;
        }
        std::array<char, 256> text{};
        ERR_error_string_n(error, text.data(), text.size());
        detail += text.data();
    }
    return Failure{code, std::move(detail)};
}

BioPtr read_only_bio(std::string_view bytes) {
    if (bytes.size() > INT_MAX) {
        throw std::length_error("text for OpenSSL of more than 2 GiB");
    }
    BioPtr bio(BIO_new_mem_buf(bytes.data() == nullptr ? "" : bytes.data(), static_cast<int>(bytes.size())));
    if (!bio) {
        throw std::bad_alloc();
    }
    return bio;
}

}  // namespace postern::pki
