#include "gateway/tunnel/connection_directory.hpp"

#include <algorithm>
#include <utility>

namespace postern::gateway {

namespace {

/// Copies a text to an array and cuts it if it is too long. The last byte of a name's array stays 0.
template <std::size_t Size>
std::array<char, Size> fixed(std::string_view text) noexcept {
    std::array<char, Size> bytes{};
    text.copy(bytes.data(), Size == 36 ? Size : Size - 1);
    return bytes;
}

/// Returns a copy that stays valid after the tunnel has ended.
OpenConnection seen(const std::string& id, const ConnectionEntry& entry) {
    OpenConnection open{id, entry, 0, 0};
    open.entry.counters = nullptr;
    if (entry.counters != nullptr) {
        open.bytes_from_client = entry.counters->a_to_b.load(std::memory_order_relaxed);
        open.bytes_from_backend = entry.counters->b_to_a.load(std::memory_order_relaxed);
    }
    return open;
}

}  // namespace

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
    ended_[next_] =
        Ended{fixed<36>(id), fixed<64>(found->second.user), fixed<64>(found->second.service), reason};
    next_ = (next_ + 1) % ended_.size();
    open_.erase(found);
}

std::optional<ConnectionEntry> ConnectionDirectory::find(const std::string& id, std::string_view user) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) {
        return found->second.user == user ? std::optional(found->second) : std::nullopt;
    }
    const auto wanted = fixed<36>(id);
    const auto owner = fixed<64>(user);
    const auto ended = std::find_if(ended_.begin(), ended_.end(),
                                    [&](const Ended& one) { return one.id == wanted && one.user == owner; });
    if (id.size() > wanted.size() || user.empty() || ended == ended_.end()) {
        return std::nullopt;
    }
    ConnectionEntry entry;
    entry.user = user;
    entry.service = ended->service.data();
    entry.is_open = false;
    entry.reason = ended->reason;
    return entry;
}

std::vector<OpenConnection> ConnectionDirectory::all_open() const {
    const std::lock_guard lock(mutex_);
    std::vector<OpenConnection> all;
    all.reserve(open_.size());
    for (const auto& [id, entry] : open_) {
        all.push_back(seen(id, entry));
    }
    return all;
}

std::optional<OpenConnection> ConnectionDirectory::find_open(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    return found == open_.end() ? std::nullopt : std::optional(seen(id, found->second));
}

}  // namespace postern::gateway
