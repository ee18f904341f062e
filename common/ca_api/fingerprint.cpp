#include "ca_api/fingerprint.hpp"

#include <fmt/format.h>

namespace postern::ca_api {

namespace {

constexpr std::string_view kAlgorithm = "sha256";
constexpr std::size_t kDigits = 64;

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

Fingerprint Fingerprint::of(const pki::Certificate& certificate) {
    return Fingerprint(fmt::format("{}:{}", kAlgorithm, certificate.fingerprint()));
}

Result<Fingerprint> Fingerprint::parse(std::string_view text) {
    constexpr std::string_view kIgnored = " \t\r\n:";
    std::string digits;
    for (const char character : text) {
        if (kIgnored.find(character) == std::string_view::npos) {
            digits.push_back(lower(character));
        }
    }
    if (digits.starts_with(kAlgorithm)) {
        digits.erase(0, kAlgorithm.size());
    }
    constexpr std::string_view kForm =
        "a fingerprint is sha256: and 64 hexadecimal digits, in either case, with or without blanks and "
        "colons";
    if (digits.find_first_not_of("0123456789abcdef") != digits.npos) {
        return Failure{Code::malformed_request, fmt::format("{}; this holds something else", kForm)};
    }
    if (digits.size() != kDigits) {
        return Failure{Code::malformed_request, fmt::format("{}; this has {}", kForm, digits.size())};
    }
    return Fingerprint(fmt::format("{}:{}", kAlgorithm, digits));
}

}  // namespace postern::ca_api
