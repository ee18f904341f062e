#include "gateway/connection_directory.hpp"

#include <utility>

namespace postern::gateway {

void ConnectionDirectory::opened(const std::string& id, ConnectionEntry entry) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(id, std::move(entry));
}

void ConnectionDirectory::closed(const std::string& id, std::optional<Code> reason) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || !found->second.is_open) {
        return;
    }
    found->second.is_open = false;
    found->second.reason = reason;
    ended_.push_back(id);
    if (ended_.size() > memory_) {
        entries_.erase(ended_.front());
        ended_.pop_front();
    }
}

std::optional<ConnectionEntry> ConnectionDirectory::find(const std::string& id, std::string_view user) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.user != user) {
        return std::nullopt;
    }
    return found->second;
}

}  // namespace postern::gateway
