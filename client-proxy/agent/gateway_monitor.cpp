#include "client-proxy/agent/gateway_monitor.hpp"

#include <chrono>
#include <utility>

#include "client-proxy/agent/refusal_words.hpp"
#include "client-proxy/refusal/ca_clock.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

/// Gateways that do not answer are asked again this often, since somebody waits for it while ports are open.
constexpr Pace::Bounds kRefreshPace{std::chrono::seconds(1), std::chrono::seconds(5)};

}  // namespace

GatewayMonitor::GatewayMonitor(Announcer& announcer, const OpenPorts& ports, ProfileLogin& login,
                               ServiceCatalogue& catalogue)
    : announcer_(announcer), ports_(ports), login_(login), catalogue_(catalogue), pace_(kRefreshPace) {}

void GatewayMonitor::suspect(const Event& event) {
    const bool is_trouble = event.kind == EventKind::refused || event.kind == EventKind::cut;
    if (!is_trouble || !event.has_reason || announcer_.is_stopping()) {
        return;
    }
    // What happened to other people's certificates says nothing of this login.
    if (!ports_.shows(event.service, login_.source())) {
        return;
    }
    login_.doubt_after(event.told.code);
    if (may_be_gateway(event.told.code) && login_.reason_word(event.told) != "ca_unreachable" && !is_lost_) {
        is_doubted_ = true;
        pace_.worked();
    }
}

bool GatewayMonitor::has_question() const {
    return login_.login() && (!catalogue_.has_offers() || is_doubted_ || is_lost_);
}

void GatewayMonitor::ask_if_due() {
    const auto now = std::chrono::steady_clock::now();
    if (has_question() && !is_refreshing_ && pace_.is_due(now) &&
        (announcer_.server().subscribers() > 0 || !ports_.all().empty())) {
        is_refreshing_ = true;
        net::spawn(announcer_.loop(), "refresh", refresh_in_background());
    }
}

asio::awaitable<void> GatewayMonitor::refresh_in_background() {
    is_doubted_ = false;
    auto refreshing = catalogue_.refresh();
    const auto done = co_await std::move(refreshing);
    is_refreshing_ = false;
    if (done) {
        pace_.worked();
    } else {
        pace_.failed(std::chrono::steady_clock::now());
    }
    if (!announcer_.is_stopping()) {
        answered(done);
    }
}

// Only the loss and the return are told, not each question between them. The ports show how it is now.
void GatewayMonitor::answered(const Outcome<void>& answer) {
    const LoginPtr& login = login_.login();
    const bool has_asked = login && !login->is_used_up(ca_clock().now());
    const bool is_lost = !answer && has_asked && may_be_gateway(answer.error().code);
    if (!answer && !is_lost) {
        return;
    }
    if (!is_lost) {
        catalogue_.mark_gateways_back();
    } else if (!is_lost_) {
        catalogue_.mark_gateways_lost(answer.error());
    }
    if (is_lost == is_lost_) {
        return;
    }
    is_lost_ = is_lost;
    Event event;
    event.kind = is_lost ? EventKind::gateway_lost : EventKind::gateway_back;
    if (is_lost) {
        event.told = answer.error();
        event.has_reason = true;
    }
    announcer_.tell(event);
}

}  // namespace postern::client
