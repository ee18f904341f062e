// The published revocation list: the complete CRL, which any client reads, and beside it the delta CRLs from
// each list to the next, so that a revocation costs the gateways only what it adds and not the whole list.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"
#include "pki/issuer.hpp"

namespace postern::ca {

/// A complete CRL, signed.
struct PublishedCrl {
    std::uint64_t number = 0;
    std::string der;
    SystemTime this_update{};
    SystemTime next_update{};
    /// The store's revocation counter when the list was numbered: the list holds all revocations up to it.
    std::uint64_t revocations = 0;
    std::size_t entries = 0;
};

/// Signs the lists and keeps the newest in memory. Thread-safe.
class CrlPublisher {
public:
    /// A complete list of at most this many entries is signed with each change, which takes some ten
    /// milliseconds. A longer one is signed by complete() alone.
    static constexpr std::size_t kFewEntries = 5'000;
    /// The bound in bytes of the delta CRLs that are kept; the newest one is always kept. A gateway that
    /// holds none of the lists from which they start fetches the complete list.
    static constexpr std::size_t kMostFeedBytes = 1U << 20;

    /// `issuer` must outlive this object. The complete list leaves off the certificates that are past at the
    /// time of `settled`, which may lag behind `clock` (SettledClock).
    CrlPublisher(const pki::Issuer& issuer, Clock clock, Clock settled)
        : issuer_(issuer), clock_(std::move(clock)), settled_(std::move(settled)) {}

    /// Numbers a new list and signs its delta CRL, if something was revoked since the last list or if half of
    /// the last list's `lifetime` has passed. `lifetime` is the time from thisUpdate to nextUpdate. One
    /// caller signs, the others wait for it. Fails with the store's or the issuer's error.
    Result<void> update(store::Database& database, std::chrono::milliseconds lifetime);
    /// Signs the complete list, unless that of the newest number is signed. This takes seconds where the list
    /// is long; update() can run at the same time.
    Result<void> complete(store::Database& database, std::chrono::milliseconds lifetime);
    /// Calls update() and complete(). Returns the complete list, which holds everything that was committed to
    /// the store before the call.
    Result<std::shared_ptr<const PublishedCrl>> current(store::Database& database,
                                                        std::chrono::milliseconds lifetime);

    // The following read from memory and wait neither for the store nor for a signature.

    /// Returns the complete list that was signed last; null before the first one.
    std::shared_ptr<const PublishedCrl> latest() const;
    /// Returns true while the newest list has been signed as a delta CRL only.
    bool is_complete_due() const;
    /// Returns the number of the newest list, signed as a delta or complete; 0 before the first one.
    std::uint64_t newest() const;
    /// Returns the store's revocation counter up to which the newest list holds all revocations.
    std::uint64_t revocations() const;
    /// Returns the delta CRLs (DER, one behind the other) that lead from the list `number` to the newest;
    /// empty where `number` is the newest. Fails with Code::not_found when they are not kept, or no longer.
    Result<std::string> changes_since(std::uint64_t number) const;

private:
    /// The newest list: its number, its times, and the revocation counter that it covers.
    struct Head {
        std::uint64_t number = 0;
        std::uint64_t revocations = 0;
        SystemTime this_update{};
        SystemTime next_update{};
    };
    /// A delta CRL, which leads from the list `base` to the list `number`.
    struct Change {
        std::uint64_t base = 0;
        std::uint64_t number = 0;
        std::string der;
    };

    bool is_fresh(std::uint64_t revocations, std::chrono::milliseconds lifetime, SystemTime now) const;
    Result<void> advance(store::Database& database, std::chrono::milliseconds lifetime);
    void publish(const Head& head, std::optional<Change> change);
    void warn_of_size(const PublishedCrl& list);

    const pki::Issuer& issuer_;
    Clock clock_;
    Clock settled_;
    /// `changing_` is held while a delta CRL is signed, `completing_` while a complete list is. Either is
    /// locked before `mutex_`, which guards what is published.
    std::mutex changing_;
    std::mutex completing_;
    mutable std::mutex mutex_;
    Head head_;
    std::shared_ptr<const PublishedCrl> complete_;
    /// Each delta CRL starts at the list at which the one before it ends; the last one ends at `head_`.
    std::deque<Change> feed_;
    std::size_t feed_bytes_ = 0;
    /// Guarded by `completing_`.
    std::optional<std::chrono::steady_clock::time_point> warned_at_;
};

}  // namespace postern::ca
