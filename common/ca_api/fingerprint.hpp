// The fingerprint of a CA's root, by which first contact knows it: read in one way wherever a person gives
// it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/certificate.hpp"

namespace postern::ca_api {

/// The SHA-256 of a certificate's DER. A Fingerprint that exists is whole.
class Fingerprint {
public:
    static Fingerprint of(const pki::Certificate& certificate);
    /// 64 hexadecimal digits in any case, with or without "sha256:" before them; blanks, line breaks and
    /// colons do not count. Code::malformed_request, whose detail says that, and may be shown to a person: it
    /// holds nothing of the text.
    static Result<Fingerprint> parse(std::string_view text);

    /// The one spelling: "sha256:" and lower-case digits.
    const std::string& text() const noexcept { return text_; }
    bool operator==(const Fingerprint&) const = default;

private:
    explicit Fingerprint(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

}  // namespace postern::ca_api
