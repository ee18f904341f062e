#include "net/pending_connections.hpp"

#include <algorithm>
#include <utility>

namespace postern::net {

struct PendingConnections::Entry {
    std::function<void()> cut;
    std::list<std::shared_ptr<Entry>>::iterator place;
    bool is_queued = false;
    bool was_evicted = false;
};

/// Oldest first. Shared with the tickets, which may outlive the object.
struct PendingConnections::Queue {
    std::size_t bound = 1;
    std::uint64_t evictions = 0;
    std::list<std::shared_ptr<Entry>> entries;

    void cut_oldest(bool is_eviction) {
        std::shared_ptr<Entry> oldest = std::move(entries.front());
        entries.pop_front();
        oldest->is_queued = false;
        oldest->was_evicted = is_eviction;
        std::exchange(oldest->cut, nullptr)();
    }
};

PendingConnections::PendingConnections(std::size_t bound) : queue_(std::make_shared<Queue>()) {
    queue_->bound = std::max<std::size_t>(1, bound);
}

PendingConnections::Ticket PendingConnections::enter(std::function<void()> cut) {
    while (queue_->entries.size() >= queue_->bound) {
        ++queue_->evictions;
        queue_->cut_oldest(true);
    }
    auto entry = std::make_shared<Entry>();
    entry->cut = std::move(cut);
    entry->place = queue_->entries.insert(queue_->entries.end(), entry);
    entry->is_queued = true;
    return Ticket(queue_, std::move(entry));
}

bool PendingConnections::cut_oldest() {
    if (queue_->entries.empty()) return false;
    ++queue_->evictions;
    queue_->cut_oldest(true);
    return true;
}

void PendingConnections::cut_all() {
    while (!queue_->entries.empty()) {
        queue_->cut_oldest(false);
    }
}

std::size_t PendingConnections::size() const noexcept {
    return queue_->entries.size();
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
    if (entry_ == nullptr || !entry_->is_queued) return;
    entry_->is_queued = false;
    entry_->cut = nullptr;
    queue_->entries.erase(entry_->place);
}

bool PendingConnections::Ticket::was_evicted() const noexcept {
    return entry_ != nullptr && entry_->was_evicted;
}

}  // namespace postern::net
