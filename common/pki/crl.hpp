// A certificate revocation list, verified and indexed once (RFC 5280, section 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/revocation_reason.hpp"
#include "pki/revoked_serials.hpp"

namespace postern::pki {

/// Immutable; safe to read from several threads. One of 100,000 entries is verified in a few hundredths of a
/// second, and a lookup in it costs less than a microsecond.
class Crl {
public:
    /// Parses DER (or PEM) and verifies its signature by `issuer`, which must be allowed to sign CRLs.
    /// Refuses critical extensions that it does not know.
    static Result<Crl> verify(std::string_view bytes, const Certificate& issuer);

    /// The reason under which the serial (lower-case hex, as Certificate::serial) is revoked; nothing if it
    /// is not.
    std::optional<RevocationReason> find(std::string_view serial) const { return revoked_.find(serial); }
    std::uint64_t number() const noexcept { return number_; }
    SystemTime this_update() const noexcept { return this_update_; }
    SystemTime next_update() const noexcept { return next_update_; }
    std::size_t size() const noexcept { return revoked_.size(); }

    /// This list, with its number and its times, and beside its own entries those of `other`.
    Crl also_revoking(const Crl& other) const;

private:
    Crl() = default;
    std::uint64_t number_ = 0;
    SystemTime this_update_{};
    SystemTime next_update_{};
    RevokedSerials revoked_;
};

}  // namespace postern::pki
