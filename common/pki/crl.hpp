// A certificate revocation list, which is verified and indexed once (RFC 5280, section 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/revocation_reason.hpp"
#include "pki/revoked_serials.hpp"

namespace postern::pki {

/// The most bytes of a CRL: about ten million revocations.
inline constexpr std::size_t kLongestCrl = 512U << 20;

class CrlDelta;

/// A verified CRL. Immutable and thread-safe; copies share the entries. Verifying 100,000 entries takes a few
/// hundredths of a second, and a look-up less than a microsecond.
class Crl {
public:
    /// Parses DER (or PEM) and verifies its signature by `issuer`, which must be allowed to sign CRLs.
    /// Refuses unknown critical extensions and delta CRLs. Does not compare its times with a clock. Fails
    /// with Code::malformed_certificate, Code::unknown_issuer or Code::wrong_purpose.
    static Result<Crl> verify(std::string_view bytes, const Certificate& issuer);

    /// Returns this list updated by a delta of the same authority: the revocations of both, with the number
    /// and the times of the delta (RFC 5280, section 5.2.4). Fails with Code::crl_stale when they do not fit:
    /// the delta begins after this list, or is not newer. The cost is proportional to the size of the delta.
    Result<Crl> with(const CrlDelta& delta) const;

    /// The reason for which the serial (lower-case hex, as from Certificate::serial()) is revoked; empty if
    /// it is not.
    std::optional<RevocationReason> find(std::string_view serial) const;
    std::uint64_t number() const noexcept { return number_; }
    SystemTime this_update() const noexcept { return this_update_; }
    SystemTime next_update() const noexcept { return next_update_; }
    std::size_t size() const noexcept { return revoked_->size() + added_->size(); }

    /// Returns this list, with its own number and times, and with the entries of `other` in addition.
    Crl also_revoking(const Crl& other) const;

private:
    Crl() = default;
    std::uint64_t number_ = 0;
    SystemTime this_update_{};
    SystemTime next_update_{};
    std::shared_ptr<const RevokedSerials> revoked_;
    /// The entries of deltas. They are few, so that `revoked_` need not be copied for each delta.
    std::shared_ptr<const RevokedSerials> added_;
};

/// A verified delta CRL: the revocations since the list with a certain number. A delta that removes an entry
/// is refused, because Postern never takes a revocation back.
class CrlDelta {
public:
    /// Does what Crl::verify() does, for DER only.
    static Result<CrlDelta> verify(std::string_view der, const Certificate& issuer);

    std::uint64_t base() const noexcept { return base_; }
    std::uint64_t number() const noexcept { return number_; }
    std::size_t size() const noexcept { return revoked_.size(); }

private:
    friend class Crl;
    CrlDelta() = default;
    std::uint64_t base_ = 0;
    std::uint64_t number_ = 0;
    SystemTime this_update_{};
    SystemTime next_update_{};
    RevokedSerials revoked_;
};

/// Whether `candidate` may sign CRLs and is the same authority as `signer`, by name and key, so that it
/// vouches for the same CRLs. A renewed certificate is the same authority.
bool signs_crls_as(const Certificate& candidate, const Certificate& signer);

/// Splits concatenated deltas. The views point into `bytes`. Fails with Code::malformed_certificate when one
/// is incomplete.
Result<std::vector<std::string_view>> split_deltas(std::string_view bytes);

}  // namespace postern::pki
