#include "client-proxy/tunnel/cancel_map.hpp"

#include <utility>

namespace postern::client {

namespace {

struct Numbered {
    CancelTarget target;
    std::uint64_t number = 0;
};

/// The key of the map. A zero byte separates the parts, because service names contain none.
std::string full_key(std::string_view service, std::string_view key) {
    std::string full(service);
    full.push_back('\0');
    return full.append(key);
}

}  // namespace

struct CancelMap::State {
    mutable std::mutex mutex;
    std::uint64_t last_number = 0;
    std::unordered_map<std::string, Numbered> targets;
};

CancelMap::Entry::Entry(std::shared_ptr<State> state, std::string key, std::uint64_t number)
    : state_(std::move(state)), key_(std::move(key)), number_(number) {}

CancelMap::Entry& CancelMap::Entry::operator=(Entry&& other) noexcept {
    if (this != &other) {
        remove();
        state_ = std::move(other.state_);
        key_ = std::move(other.key_);
        number_ = other.number_;
    }
    return *this;
}

CancelMap::Entry::~Entry() {
    remove();
}

void CancelMap::Entry::remove() noexcept {
    if (const auto state = std::exchange(state_, nullptr)) {
        const std::lock_guard lock(state->mutex);
        const auto found = state->targets.find(key_);
        if (found != state->targets.end() && found->second.number == number_) {
            state->targets.erase(found);
        }
    }
}

CancelMap::CancelMap() : state_(std::make_shared<State>()) {}

CancelMap::Entry CancelMap::add(std::string_view service, std::string_view key, CancelTarget target) {
    std::string full = full_key(service, key);
    const std::lock_guard lock(state_->mutex);
    const auto number = ++state_->last_number;
    state_->targets.insert_or_assign(full, Numbered{std::move(target), number});
    return Entry(state_, std::move(full), number);
}

std::optional<CancelTarget> CancelMap::find(std::string_view service, std::string_view key) const {
    const std::string full = full_key(service, key);
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->targets.find(full);
    return found != state_->targets.end() ? std::optional(found->second.target) : std::nullopt;
}

std::size_t CancelMap::size() const {
    const std::lock_guard lock(state_->mutex);
    return state_->targets.size();
}

}  // namespace postern::client
