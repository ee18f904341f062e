#include "gateway/policy/service_slots.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace postern::gateway {

namespace {

/// The most CancelRequests of one identity at one service at a time.
constexpr std::size_t kMostCancels = 8;

struct Holder {
    std::size_t tunnels = 0;
    std::size_t cancels = 0;
};

struct Counts {
    std::size_t tunnels = 0;
    std::size_t beginning = 0;
    std::unordered_map<std::string, Holder> identities;
};

}  // namespace

struct ServiceSlots::State {
    mutable std::mutex mutex;
    /// The services that have tunnels or CancelRequests.
    std::unordered_map<std::string, Counts> services;
};

ServiceSlots::ServiceSlots() : state_(std::make_shared<State>()) {}

Result<ServiceSlots::Place> ServiceSlots::enter(const std::string& service, const std::string& identity,
                                                ServiceBounds bounds, bool is_cancel) {
    const std::lock_guard lock(state_->mutex);
    Counts& counts = state_->services[service];
    const auto found = counts.identities.find(identity);
    const Holder own = found == counts.identities.end() ? Holder() : found->second;
    if (is_cancel) {
        if (own.cancels >= kMostCancels) {
            return Failure{Code::limit_reached,
                           fmt::format("{} cancels {} times at once at {}", identity, kMostCancels, service)};
        }
        ++counts.identities[identity].cancels;
        return Place(state_, service, identity, true);
    }
    if (counts.tunnels >= bounds.connections) {
        return Failure{Code::limit_reached,
                       fmt::format("all {} connections to {} are taken", bounds.connections, service)};
    }
    if (own.tunnels >= bounds.per_identity) {
        return Failure{Code::limit_reached, fmt::format("all {} connections of {} to {} are taken",
                                                        bounds.per_identity, identity, service)};
    }
    const std::size_t most_beginning = std::max<std::size_t>((bounds.connections + 1) / 2, 1);
    if (counts.beginning >= most_beginning) {
        return Failure{Code::limit_reached,
                       fmt::format("{} connections to {} have not begun yet", most_beginning, service)};
    }
    ++counts.tunnels;
    ++counts.beginning;
    ++counts.identities[identity].tunnels;
    return Place(state_, service, identity, false);
}

std::size_t ServiceSlots::count(const std::string& service) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->services.find(service);
    return found == state_->services.end() ? 0 : found->second.tunnels;
}

ServiceSlots::Place::Place(std::shared_ptr<State> state, std::string service, std::string identity,
                           bool is_cancel)
    : state_(std::move(state)),
      service_(std::move(service)),
      identity_(std::move(identity)),
      is_cancel_(is_cancel) {}

ServiceSlots::Place::Place(Place&& other) noexcept = default;

ServiceSlots::Place& ServiceSlots::Place::operator=(Place&& other) noexcept {
    if (this != &other) {
        give_back();
        state_ = std::move(other.state_);
        service_ = std::move(other.service_);
        identity_ = std::move(other.identity_);
        is_cancel_ = other.is_cancel_;
        has_begun_ = other.has_begun_;
    }
    return *this;
}

ServiceSlots::Place::~Place() {
    give_back();
}

void ServiceSlots::Place::begun() noexcept {
    if (state_ == nullptr || is_cancel_ || has_begun_) {
        return;
    }
    has_begun_ = true;
    const std::lock_guard lock(state_->mutex);
    --state_->services.find(service_)->second.beginning;
}

void ServiceSlots::Place::give_back() noexcept {
    if (state_ == nullptr) {
        return;
    }
    const std::lock_guard lock(state_->mutex);
    const auto service = state_->services.find(service_);
    Counts& counts = service->second;
    const auto own = counts.identities.find(identity_);
    if (is_cancel_) {
        --own->second.cancels;
    } else {
        --own->second.tunnels;
        --counts.tunnels;
        counts.beginning -= has_begun_ ? 0 : 1;
    }
    if (own->second.tunnels == 0 && own->second.cancels == 0) {
        counts.identities.erase(own);
    }
    if (counts.identities.empty()) {
        state_->services.erase(service);
    }
}

}  // namespace postern::gateway
