#include "ca-service/crl_publisher.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "ca-service/store/certificates.hpp"

namespace postern::ca {

bool CrlPublisher::is_fresh(std::uint64_t revocations, std::chrono::milliseconds lifetime,
                            SystemTime now) const {
    return published_ && published_->revocations == revocations &&
           // Where the clock was ahead, the list is anew with the right time: nobody takes one of the future.
           now >= published_->this_update && now < published_->this_update + lifetime / 2 &&
           now < published_->next_update;
}

Result<std::shared_ptr<const PublishedCrl>> CrlPublisher::current(store::Database& database,
                                                                  std::chrono::milliseconds lifetime) {
    const auto seen = store::revocation_counter(database);
    if (!seen) {
        return seen.error();
    }
    const std::lock_guard lock(mutex_);
    const SystemTime now = clock_();
    if (is_fresh(*seen, lifetime, now)) {
        return published_;
    }
    auto made = std::make_shared<PublishedCrl>();
    std::vector<pki::RevokedSerial> revoked;
    {
        // One transaction, so that counter, list and number belong together; the signature needs no lock.
        auto transaction = store::Transaction::write(database);
        if (!transaction) {
            return transaction.error();
        }
        const auto counter = store::revocation_counter(database);
        if (!counter) {
            return counter.error();
        }
        if (is_fresh(*counter, lifetime, now)) {
            return published_;
        }
        auto serials = store::revoked_serials(database, std::min(now, settled_()));
        if (!serials) {
            return serials.error();
        }
        const auto turn = store::next_crl(database, now);
        if (!turn) {
            return turn.error();
        }
        if (auto committed = transaction->commit(); !committed) {
            return committed.error();
        }
        made->revocations = *counter;
        made->number = turn->number;
        if (turn->last_update > now + store::kClockSlack) {
            spdlog::warn("event=clock.set_back last_list={} now={} hint=\"check this machine's clock\"",
                         format_time(turn->last_update), format_time(now));
        }
        revoked = std::move(*serials);
    }
    made->this_update = now;
    made->next_update = now + lifetime;
    auto der = issuer_.issue_crl(made->number, made->this_update, made->next_update, revoked);
    if (!der) {
        return der.error();
    }
    made->der = std::move(*der);
    published_ = std::move(made);
    const std::lock_guard latest_lock(latest_mutex_);
    latest_ = published_;
    return published_;
}

std::shared_ptr<const PublishedCrl> CrlPublisher::latest() const {
    const std::lock_guard lock(latest_mutex_);
    return latest_;
}

}  // namespace postern::ca
