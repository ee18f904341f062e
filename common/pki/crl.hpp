// A certificate revocation list, verified and indexed once (RFC 5280, section 5).
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

/// What one may take in bytes: some ten million revocations.
inline constexpr std::size_t kLongestCrl = 512U << 20;

class CrlDelta;

/// Immutable; safe to read from several threads. One of 100,000 entries is verified in a few hundredths of a
/// second, and a lookup in it costs less than a microsecond. Copies share the entries.
class Crl {
public:
    /// Parses DER (or PEM) and verifies its signature by `issuer`, which must be allowed to sign CRLs.
    /// Refuses critical extensions that it does not know, and deltas.
    static Result<Crl> verify(std::string_view bytes, const Certificate& issuer);

    /// This list as the delta of the same authority changes it: all that either of them revokes, with the
    /// number and the times of the delta (RFC 5280, section 5.2.4). Code::crl_stale where they do not belong
    /// together: the delta begins after this list, or adds nothing to it. Costs as much as the delta holds.
    Result<Crl> with(const CrlDelta& delta) const;

    /// The reason under which the serial (lower-case hex, as Certificate::serial) is revoked; nothing if it
    /// is not.
    std::optional<RevocationReason> find(std::string_view serial) const;
    std::uint64_t number() const noexcept { return number_; }
    SystemTime this_update() const noexcept { return this_update_; }
    SystemTime next_update() const noexcept { return next_update_; }
    std::size_t size() const noexcept { return revoked_->size() + added_->size(); }

    /// This list, with its number and its times, and beside its own entries those of `other`.
    Crl also_revoking(const Crl& other) const;

private:
    Crl() = default;
    std::uint64_t number_ = 0;
    SystemTime this_update_{};
    SystemTime next_update_{};
    std::shared_ptr<const RevokedSerials> revoked_;
    /// Few beside the others, which are not copied for each delta.
    std::shared_ptr<const RevokedSerials> added_;
};

/// What a delta CRL says: the revocations since the list of a certain number. Taking something off a list is
/// refused: no revocation of Postern's is taken back.
class CrlDelta {
public:
    /// As Crl::verify, in DER alone.
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

/// Whether `candidate` may sign CRLs, and those that `signer` signed are its own: the same name and key. A
/// certificate that was issued anew is the same authority.
bool signs_crls_as(const Certificate& candidate, const Certificate& signer);

/// Takes deltas that stand one behind the other apart. Code::malformed_certificate when one is not whole.
Result<std::vector<std::string_view>> split_deltas(std::string_view bytes);

}  // namespace postern::pki
