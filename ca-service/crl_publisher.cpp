#include "ca-service/crl_publisher.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "ca-service/store/certificates.hpp"
#include "pki/crl.hpp"

namespace postern::ca {

namespace {

/// The size from which a warning is logged, long before the bound of those who fetch the list.
constexpr std::size_t kWarnOfSizeFrom = pki::kLongestCrl / 4;

constexpr std::chrono::hours kWarnOfSizeEvery{1};

}  // namespace

void CrlPublisher::warn_of_size(const PublishedCrl& list) {
    const auto now = std::chrono::steady_clock::now();
    if (list.der.size() < kWarnOfSizeFrom || (warned_at_ && now - *warned_at_ < kWarnOfSizeEvery)) {
        return;
    }
    warned_at_ = now;
    spdlog::warn(
        "event=crl.large bytes={} entries={} bound={} hint={}", list.der.size(), list.entries,
        pki::kLongestCrl,
        quoted("gateways take none beyond the bound, and then let nobody in: let login sessions last for "
               "less (session_lifetime), so that fewer certificates are revoked with each"));
}

bool CrlPublisher::is_fresh(std::uint64_t revocations, std::chrono::milliseconds lifetime,
                            SystemTime now) const {
    const std::lock_guard lock(mutex_);
    return head_.number != 0 && head_.revocations == revocations &&
           // A list that was made while the clock was ahead is made again with the right time, because nobody
           // takes a list of the future.
           now >= head_.this_update && now < head_.this_update + lifetime / 2 && now < head_.next_update;
}

Result<void> CrlPublisher::update(store::Database& database, std::chrono::milliseconds lifetime) {
    const auto seen = store::revocation_counter(database);
    if (!seen) {
        return seen.error();
    }
    {
        const std::lock_guard lock(changing_);
        if (!is_fresh(*seen, lifetime, clock_())) {
            if (auto advanced = advance(database, lifetime); !advanced) {
                return advanced;
            }
        }
    }
    const auto last = latest();
    return last == nullptr || last->entries <= kFewEntries ? complete(database, lifetime) : Result<void>();
}

/// Must be called with `changing_` held.
Result<void> CrlPublisher::advance(store::Database& database, std::chrono::milliseconds lifetime) {
    const SystemTime now = clock_();
    std::vector<pki::RevokedSerial> revoked;
    store::CrlTurn turn;
    {
        // One transaction makes counter, changes and number belong together. The signature needs no lock.
        auto transaction = store::Transaction::write(database);
        if (!transaction) {
            return transaction.error();
        }
        const auto counter = store::revocation_counter(database);
        if (!counter) {
            return counter.error();
        }
        if (is_fresh(*counter, lifetime, now)) {
            return {};
        }
        const auto taken = store::next_crl(database, now);
        if (!taken) {
            return taken.error();
        }
        turn = *taken;
        auto since = store::serials_revoked_since(database, turn.last_revocations);
        if (!since) {
            return since.error();
        }
        revoked = std::move(*since);
        if (auto committed = transaction->commit(); !committed) {
            return committed.error();
        }
    }
    if (turn.last_update > now + store::kClockSlack) {
        spdlog::warn("event=clock.set_back last_list={} now={} hint=\"check this machine's clock\"",
                     format_time(turn.last_update), format_time(now));
    }
    const Head head{turn.number, turn.revocations, now, now + lifetime};
    if (turn.last_number == 0) {
        publish(head, std::nullopt);
        return {};
    }
    auto der =
        issuer_.issue_crl({turn.number, head.this_update, head.next_update, turn.last_number}, revoked);
    if (!der) {
        return der.error();
    }
    publish(head, Change{turn.last_number, turn.number, std::move(*der)});
    return {};
}

void CrlPublisher::publish(const Head& head, std::optional<Change> change) {
    const std::lock_guard lock(mutex_);
    head_ = head;
    if (!change || (!feed_.empty() && feed_.back().number != change->base)) {
        // Another process has numbered a list in between.
        feed_.clear();
        feed_bytes_ = 0;
    }
    if (!change) {
        return;
    }
    feed_bytes_ += change->der.size();
    feed_.push_back(std::move(*change));
    while (feed_.size() > 1 && feed_bytes_ > kMostFeedBytes) {
        feed_bytes_ -= feed_.front().der.size();
        feed_.pop_front();
    }
}

Result<void> CrlPublisher::complete(store::Database& database, std::chrono::milliseconds lifetime) {
    const std::lock_guard lock(completing_);
    Head head;
    {
        const std::lock_guard published(mutex_);
        head = head_;
        if (head.number == 0 || (complete_ != nullptr && complete_->number == head.number)) {
            return {};
        }
    }
    const SystemTime now = clock_();
    // The list may contain what was revoked since its number was taken. The next change says it again.
    auto serials = store::revoked_serials(database, std::min(now, settled_()));
    if (!serials) {
        return serials.error();
    }
    auto der = issuer_.issue_crl({head.number, now, now + lifetime, {}}, *serials);
    if (!der) {
        return der.error();
    }
    auto made = std::make_shared<PublishedCrl>(
        PublishedCrl{head.number, std::move(*der), now, now + lifetime, head.revocations, serials->size()});
    warn_of_size(*made);
    const std::lock_guard published(mutex_);
    complete_ = std::move(made);
    return {};
}

Result<std::shared_ptr<const PublishedCrl>> CrlPublisher::current(store::Database& database,
                                                                  std::chrono::milliseconds lifetime) {
    if (auto updated = update(database, lifetime); !updated) {
        return updated.error();
    }
    if (auto completed = complete(database, lifetime); !completed) {
        return completed.error();
    }
    return latest();
}

std::shared_ptr<const PublishedCrl> CrlPublisher::latest() const {
    const std::lock_guard lock(mutex_);
    return complete_;
}

bool CrlPublisher::is_complete_due() const {
    const std::lock_guard lock(mutex_);
    return head_.number != 0 && (complete_ == nullptr || complete_->number != head_.number);
}

std::uint64_t CrlPublisher::newest() const {
    const std::lock_guard lock(mutex_);
    return head_.number;
}

std::uint64_t CrlPublisher::revocations() const {
    const std::lock_guard lock(mutex_);
    return head_.revocations;
}

Result<std::string> CrlPublisher::changes_since(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    if (head_.number != 0 && number == head_.number) {
        return std::string();
    }
    const auto first = std::ranges::find(feed_, number, &Change::base);
    if (first == feed_.end()) {
        return Failure{Code::not_found, fmt::format("the changes since the list {} are not known", number)};
    }
    std::string changes;
    for (auto change = first; change != feed_.end(); ++change) {
        changes += change->der;
    }
    return changes;
}

}  // namespace postern::ca
