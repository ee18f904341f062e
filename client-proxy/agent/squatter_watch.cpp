#include "client-proxy/agent/squatter_watch.hpp"

#include <chrono>
#include <optional>

#include "client-proxy/agent/squatter.hpp"

namespace postern::client {

namespace {

/// At least so much time passes between two looks.
constexpr auto kSquatterLook = std::chrono::seconds(5);

}  // namespace

void SquatterWatch::look(const std::function<void(const std::string&)>& on_change) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) {
        return;
    }
    next_ = now + kSquatterLook;
    for (const auto& service : ports_.remembered_services()) {
        const bool is_open = ports_.of(service) != nullptr;
        std::optional<Refusal> found;
        for (const Mode mode : {Mode::end_to_end, Mode::passthrough}) {
            const unsigned short port = is_open ? 0 : ports_.remembered(service, mode);
            if (port != 0 && !found) {
                found = squatter_on(service, port);
            }
        }
        const auto known = found_.find(service);
        if (found && known == found_.end()) {
            found_.emplace(service, *found);
            announcer_.tell({EventKind::remark, service, *found, true, {}, 0});
            on_change(service);
        } else if (!found && known != found_.end()) {
            found_.erase(known);
            on_change(service);
        }
    }
}

const Refusal* SquatterWatch::of(std::string_view service) const {
    const auto found = found_.find(service);
    return found != found_.end() ? &found->second : nullptr;
}

}  // namespace postern::client
