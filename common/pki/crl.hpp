// A certificate revocation list, verified and indexed once (RFC 5280, section 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"

namespace postern::pki {

/// RFC 5280, section 5.3.1. The CA's meaning: key_compromise and unspecified for `cert revoke`,
/// cessation_of_operation for an ended login session, privilege_withdrawn for a disabled user.
enum class RevocationReason : int {
    unspecified = 0,
    key_compromise = 1,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    privilege_withdrawn = 9,
};

/// The Code that a refusal for this reason bears: user_disabled, session_ended or revoked.
Code code_of(RevocationReason reason) noexcept;

/// Immutable; safe to read from several threads. Lookup is constant time at 100,000 entries.
class Crl {
public:
    /// Parses DER (or PEM) and verifies its signature by `issuer`, which must be allowed to sign CRLs.
    /// Refuses critical extensions that it does not know.
    static Result<Crl> verify(std::string_view bytes, const Certificate& issuer);

    /// The reason under which the serial (lower-case hex, as Certificate::serial) is revoked; nothing if it
    /// is not.
    std::optional<RevocationReason> find(std::string_view serial) const;
    std::uint64_t number() const noexcept { return number_; }
    SystemTime this_update() const noexcept { return this_update_; }
    SystemTime next_update() const noexcept { return next_update_; }
    std::size_t size() const noexcept { return revoked_.size(); }

private:
    /// Lets a std::string_view be looked up without a copy.
    struct SerialHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view serial) const noexcept {
            return std::hash<std::string_view>{}(serial);
        }
    };

    Crl() = default;
    std::uint64_t number_ = 0;
    SystemTime this_update_{};
    SystemTime next_update_{};
    std::unordered_map<std::string, RevocationReason, SerialHash, std::equal_to<>> revoked_;
};

}  // namespace postern::pki
