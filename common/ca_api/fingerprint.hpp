// The fingerprint of a CA's root certificate, by which the first contact verifies the CA service. It is
// parsed in the same way wherever a person enters it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pki/certificate.hpp"

namespace postern::ca_api {

/// The SHA-256 digest of a certificate's DER. A Fingerprint object is always complete.
class Fingerprint {
public:
    static Fingerprint of(const pki::Certificate& certificate);
    /// Parses 64 hexadecimal digits of either case, with or without "sha256:" in front; blanks, line breaks
    /// and colons are ignored. Fails with Code::malformed_request. Its detail describes the form and may be
    /// shown to a person, because it contains nothing of the text.
    static Result<Fingerprint> parse(std::string_view text);

    /// The canonical form: "sha256:" and lower-case digits.
    const std::string& text() const noexcept { return text_; }
    bool operator==(const Fingerprint&) const = default;

private:
    explicit Fingerprint(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

}  // namespace postern::ca_api
