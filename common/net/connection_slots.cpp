#include "net/connection_slots.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <boost/asio/ip/address.hpp>

namespace postern::net {

namespace {

/// The number that one desktop needs at least.
constexpr std::size_t kLeastShare = 8;

}  // namespace

struct ConnectionSlots::State {
    mutable std::mutex mutex;
    std::size_t total_bound = 0;
    std::size_t key_bound = 0;
    std::size_t total = 0;
    std::unordered_map<std::string, std::size_t> by_key;
};

ConnectionSlots::ConnectionSlots(std::size_t total, std::size_t per_key) : state_(std::make_shared<State>()) {
    set_bounds(total, per_key);
}

Result<ConnectionSlots::Slot> ConnectionSlots::take(std::string key) {
    const std::lock_guard lock(state_->mutex);
    if (state_->total_bound != 0 && state_->total >= state_->total_bound) {
        return Failure{Code::limit_reached,
                       "all " + std::to_string(state_->total_bound) + " connections are taken"};
    }
    std::size_t& taken = state_->by_key[key];
    if (state_->key_bound != 0 && taken >= state_->key_bound) {
        return Failure{Code::limit_reached,
                       "all " + std::to_string(state_->key_bound) + " connections of " + key + " are taken"};
    }
    ++taken;
    ++state_->total;
    return Slot(state_, std::move(key));
}

bool ConnectionSlots::is_full_for(const std::string& key) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->by_key.find(key);
    const std::size_t taken = found == state_->by_key.end() ? 0 : found->second;
    return state_->total_bound != 0 && state_->total >= state_->total_bound &&
           (state_->key_bound == 0 || taken < state_->key_bound);
}

void ConnectionSlots::set_bounds(std::size_t total, std::size_t per_key) {
    const std::lock_guard lock(state_->mutex);
    state_->total_bound = total;
    state_->key_bound = per_key;
}

std::size_t ConnectionSlots::size() const {
    const std::lock_guard lock(state_->mutex);
    return state_->total;
}

ConnectionSlots::Slot::Slot(std::shared_ptr<State> state, std::string key)
    : state_(std::move(state)), key_(std::move(key)) {}

ConnectionSlots::Slot& ConnectionSlots::Slot::operator=(Slot&& other) noexcept {
    if (this != &other) {
        give_back();
        state_ = std::move(other.state_);
        key_ = std::move(other.key_);
    }
    return *this;
}

ConnectionSlots::Slot::~Slot() {
    give_back();
}

void ConnectionSlots::Slot::give_back() noexcept {
    if (state_ == nullptr) {
        return;
    }
    const std::lock_guard lock(state_->mutex);
    --state_->total;
    const auto found = state_->by_key.find(key_);
    if (--found->second == 0) {
        state_->by_key.erase(found);
    }
}

std::size_t share_of(std::size_t fitting, std::size_t wanted, std::size_t set, std::size_t nth) noexcept {
    const std::size_t natural = std::max(fitting / nth, std::min(fitting, kLeastShare));
    if (set == 0) {
        return natural;
    }
    if (fitting >= wanted) {
        return set;
    }
    const double in_proportion = static_cast<double>(set) * static_cast<double>(fitting) / static_cast<double>(wanted);
    return std::min(set, std::max(natural, static_cast<std::size_t>(in_proportion)));
}

std::string address_key(const std::string& address) {
    boost::system::error_code error;
    const auto parsed = boost::asio::ip::make_address(address, error);
    if (error || parsed.is_v4()) {
        return address;
    }
    auto bytes = parsed.to_v6().to_bytes();
    if (parsed.to_v6().is_v4_mapped()) {
        return parsed.to_v6().to_string();
    }
    for (std::size_t i = 8; i < bytes.size(); ++i) {
        bytes[i] = 0;
    }
    return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace postern::net
