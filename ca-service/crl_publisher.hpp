// The revocation list as gateways fetch it: signed once for each change, and again well before it would go
// stale.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
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
};

/// Thread-safe: one caller signs, the others wait for it.
class CrlPublisher {
public:
    /// `issuer` must outlive this object. What is over by `settled` is left off, which may lag behind the
    /// clock (SettledClock).
    CrlPublisher(const pki::Issuer& issuer, Clock clock, Clock settled)
        : issuer_(issuer), clock_(std::move(clock)), settled_(std::move(settled)) {}

    /// The list that holds everything committed to the store before the call. `lifetime` is from thisUpdate
    /// to nextUpdate; half of it is the oldest that a list gets.
    Result<std::shared_ptr<const PublishedCrl>> current(store::Database& database,
                                                        std::chrono::milliseconds lifetime);
    /// What was signed last, from memory: waits neither for the store nor for a signature. Null before the
    /// first one.
    std::shared_ptr<const PublishedCrl> latest() const;

private:
    bool is_fresh(std::uint64_t revocations, std::chrono::milliseconds lifetime, SystemTime now) const;

    const pki::Issuer& issuer_;
    Clock clock_;
    Clock settled_;
    /// Held while a list is made.
    std::mutex mutex_;
    std::shared_ptr<const PublishedCrl> published_;
    mutable std::mutex latest_mutex_;
    std::shared_ptr<const PublishedCrl> latest_;
};

}  // namespace postern::ca
