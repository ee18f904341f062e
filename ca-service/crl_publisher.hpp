// The revocation list as it is handed out: the complete one, which any client reads, and beside it the
// changes from each list to the next, so that a revocation costs the gateways what it adds and not the whole
// list.
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

struct PublishedCrl {
    std::uint64_t number = 0;
    std::string der;
    SystemTime this_update{};
    SystemTime next_update{};
    /// The store's revocation counter that it answers to.
    std::uint64_t revocations = 0;
    std::size_t entries = 0;
};

/// Thread-safe.
class CrlPublisher {
public:
    /// A complete list of at most so many entries is made at once with each change (some ten milliseconds), a
    /// longer one by complete() alone.
    static constexpr std::size_t kFewEntries = 5'000;
    /// What the changes that are kept take at the most, but for the last one: a gateway that held none of
    /// these lists fetches the complete one.
    static constexpr std::size_t kMostFeedBytes = 1U << 20;

    /// `issuer` must outlive this object. What is over by `settled` is left off, which may lag behind the
    /// clock (SettledClock).
    CrlPublisher(const pki::Issuer& issuer, Clock clock, Clock settled)
        : issuer_(issuer), clock_(std::move(clock)), settled_(std::move(settled)) {}

    /// Signs what was committed to the store since the last list, if there is something, or if half of the
    /// last list's time is over. `lifetime` is from thisUpdate to nextUpdate. One caller signs, the others
    /// wait for it.
    Result<void> update(store::Database& database, std::chrono::milliseconds lifetime);
    /// Signs the complete list, unless it is of the newest number. Takes seconds where it is long, during
    /// which update() goes on.
    Result<void> complete(store::Database& database, std::chrono::milliseconds lifetime);
    /// Both: the complete list that holds everything committed to the store before the call.
    Result<std::shared_ptr<const PublishedCrl>> current(store::Database& database,
                                                        std::chrono::milliseconds lifetime);

    /// From memory, waiting neither for the store nor for a signature:

    /// The complete list that was signed last; null before the first one.
    std::shared_ptr<const PublishedCrl> latest() const;
    bool is_complete_due() const;
    /// The number of the newest list, by its changes or complete; 0 before the first one.
    std::uint64_t newest() const;
    /// The store's revocation counter that the newest list answers to.
    std::uint64_t revocations() const;
    /// The delta CRLs (DER, one behind the other) that lead from the list of that number to the newest; empty
    /// where it is the newest. Code::not_found when they are not known (any more).
    Result<std::string> changes_since(std::uint64_t number) const;

private:
    /// What the newest list answers to.
    struct Head {
        std::uint64_t number = 0;
        std::uint64_t revocations = 0;
        SystemTime this_update{};
        SystemTime next_update{};
    };
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
    /// Held while changes are signed, and while a complete list is: first this, then the one of what is
    /// published.
    std::mutex changing_;
    std::mutex completing_;
    mutable std::mutex mutex_;
    Head head_;
    std::shared_ptr<const PublishedCrl> complete_;
    /// Each leads on from the one before it; the last one to the head.
    std::deque<Change> feed_;
    std::size_t feed_bytes_ = 0;
    /// Under completing_.
    std::optional<std::chrono::steady_clock::time_point> warned_at_;
};

}  // namespace postern::ca
