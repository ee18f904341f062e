#include "net/pending_connections.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace postern::net {

/// One pending connection.
struct PendingConnections::Entry {
    std::function<void()> cut;
    std::string key;
    std::uint64_t number = 0;
    std::list<std::shared_ptr<Entry>>::iterator place;
    bool is_queued = false;
    bool was_evicted = false;
};

/// The pending connections by key. The tickets share it, because they may outlive the PendingConnections.
struct PendingConnections::Queue {
    /// The entries of one key, oldest first; never empty.
    using OfOneKey = std::list<std::shared_ptr<Entry>>;

    std::size_t bound = 1;
    std::size_t per_key = 0;
    std::uint64_t entered = 0;
    std::uint64_t evictions = 0;
    std::size_t size = 0;
    std::size_t most = 0;
    std::unordered_map<std::string, OfOneKey> by_key;

    /// Removes and cuts the oldest entry of a key.
    void cut(std::unordered_map<std::string, OfOneKey>::iterator of, bool is_eviction) {
        const std::shared_ptr<Entry> oldest = of->second.front();
        remove(*oldest, of);
        oldest->was_evicted = is_eviction;
        evictions += is_eviction ? 1 : 0;
        std::exchange(oldest->cut, nullptr)();
    }
    void remove(Entry& entry, std::unordered_map<std::string, OfOneKey>::iterator of) {
        entry.is_queued = false;
        of->second.erase(entry.place);
        if (of->second.empty()) {
            by_key.erase(of);
        }
        --size;
    }
    /// The key with the most entries; among several, the one whose oldest entry has waited longest. It looks
    /// at all keys, which is acceptable because it is needed only when a connection must be cut.
    std::unordered_map<std::string, OfOneKey>::iterator busiest() {
        return std::max_element(by_key.begin(), by_key.end(), [](const auto& a, const auto& b) {
            if (a.second.size() != b.second.size()) {
                return a.second.size() < b.second.size();
            }
            return a.second.front()->number > b.second.front()->number;
        });
    }
};

PendingConnections::PendingConnections(std::size_t bound, std::size_t per_key)
    : queue_(std::make_shared<Queue>()) {
    queue_->bound = std::max<std::size_t>(1, bound);
    queue_->per_key = per_key;
}

PendingConnections::Ticket PendingConnections::enter(std::function<void()> cut, std::string key) {
    if (const auto own = queue_->by_key.find(key);
        queue_->per_key != 0 && own != queue_->by_key.end() && own->second.size() >= queue_->per_key) {
        queue_->cut(own, true);
    }
    while (queue_->size >= queue_->bound) {
        queue_->cut(queue_->busiest(), true);
    }
    auto entry = std::make_shared<Entry>();
    entry->cut = std::move(cut);
    entry->key = std::move(key);
    entry->number = ++queue_->entered;
    auto& own = queue_->by_key[entry->key];
    entry->place = own.insert(own.end(), entry);
    entry->is_queued = true;
    queue_->most = std::max(queue_->most, ++queue_->size);
    return Ticket(queue_, std::move(entry));
}

bool PendingConnections::cut_oldest() {
    if (queue_->size == 0) {
        return false;
    }
    queue_->cut(queue_->busiest(), true);
    return true;
}

void PendingConnections::cut_all() {
    while (queue_->size > 0) {
        queue_->cut(queue_->by_key.begin(), false);
    }
}

std::size_t PendingConnections::size() const noexcept {
    return queue_->size;
}

std::size_t PendingConnections::take_most() noexcept {
    return std::exchange(queue_->most, queue_->size);
}

std::uint64_t PendingConnections::evictions() const noexcept {
    return queue_->evictions;
}

PendingConnections::Ticket::Ticket(std::shared_ptr<Queue> queue, std::shared_ptr<Entry> entry)
    : queue_(std::move(queue)), entry_(std::move(entry)) {}

PendingConnections::Ticket& PendingConnections::Ticket::operator=(Ticket&& other) noexcept {
    if (this != &other) {
        leave();
        queue_ = std::move(other.queue_);
        entry_ = std::move(other.entry_);
    }
    return *this;
}

PendingConnections::Ticket::~Ticket() {
    leave();
}

void PendingConnections::Ticket::leave() noexcept {
    if (entry_ == nullptr || !entry_->is_queued) {
        return;
    }
    entry_->cut = nullptr;
    queue_->remove(*entry_, queue_->by_key.find(entry_->key));
}

bool PendingConnections::Ticket::was_evicted() const noexcept {
    return entry_ != nullptr && entry_->was_evicted;
}

}  // namespace postern::net
