#include "gateway/connection_directory.hpp"

#include <algorithm>
#include <utility>

namespace postern::gateway {

void ConnectionDirectory::opened(const std::string& id, ConnectionEntry entry) {
    const std::lock_guard lock(mutex_);
    open_.insert_or_assign(id, std::move(entry));
}

void ConnectionDirectory::closed(const std::string& id, std::optional<Code> reason) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    if (found == open_.end()) {
        return;
    }
    ended_[next_] = Ended{fixed(id), std::move(found->second.user), reason};
    next_ = (next_ + 1) % ended_.size();
    open_.erase(found);
}

std::optional<ConnectionEntry> ConnectionDirectory::find(const std::string& id, std::string_view user) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) {
        return found->second.user == user ? std::optional(found->second) : std::nullopt;
    }
    const auto wanted = fixed(id);
    const auto ended = std::find_if(ended_.begin(), ended_.end(), [&](const Ended& one) {
        return !one.user.empty() && one.user == user && one.id == wanted;
    });
    if (ended == ended_.end()) {
        return std::nullopt;
    }
    ConnectionEntry entry;
    entry.user = ended->user;
    entry.is_open = false;
    entry.reason = ended->reason;
    return entry;
}

std::array<char, 36> ConnectionDirectory::fixed(std::string_view id) noexcept {
    std::array<char, 36> bytes{};
    id.copy(bytes.data(), bytes.size());
    return bytes;
}

}  // namespace postern::gateway
