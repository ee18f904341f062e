// The part of the desk that notices, from how connections end, that the login or the gateways are not what
// they were, and asks those who know.
#include <algorithm>

#include "client-proxy/agent/desk.hpp"
#include "client-proxy/refusal/ca_clock.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

// "Expired" of one that is not: this machine's clock is behind, which the CA's answer shows.
bool is_about_login(Code code) {
    return code == Code::revoked || code == Code::user_disabled || code == Code::session_ended ||
           code == Code::expired || code == Code::not_yet_valid;
}

// After a change of the CA's issuing key only a new certificate helps. Where a new one is refused, too, the
// gateway's list is too old for any.
bool may_be_of_an_old_key(Code code, const LoginPtr& login) {
    return code == Code::crl_stale && login && !login->is_new(ca_clock().now());
}

// None of them is proof: PostgreSQL and the local network end connections too.
bool may_be_gateway(Code code) {
    return code == Code::unreachable || code == Code::end_of_stream || code == Code::timed_out ||
           code == Code::shutting_down;
}

}  // namespace

void Desk::suspect(const Event& event) {
    const bool is_trouble = event.kind == EventKind::refused || event.kind == EventKind::cut;
    if (!is_trouble || !event.has_reason || is_stopping_) {
        return;
    }
    // What happened to other people's certificates says nothing of this login.
    const auto& ports = ports_.all();
    const bool is_ours = std::any_of(ports.begin(), ports.end(), [&](const HeldPort& held) {
        return held.port->service == event.service && held.port->logins == logins_;
    });
    if (!is_ours) {
        return;
    }
    doubt_login_for(event.told.code);
    if (may_be_gateway(event.told.code) && reason_word(event.told) != "ca_unreachable" &&
               !is_gateway_lost_) {
        is_gateway_doubted_ = true;
        refresh_pace_.worked();
    }
}

void Desk::doubt_login_for(Code code) {
    if (is_about_login(code) || may_be_of_an_old_key(code, logins_->latest())) {
        logins_->doubt();
    }
}

// A CA that does not answer has a word of its own: what helps is another thing than for a gateway.
std::string Desk::reason_word(const Refusal& refusal) const {
    if (!refusal.reason.empty()) {
        return std::string(refusal.reason);
    }
    const auto failure = logins_->failure();
    const bool is_ca = failure && failure->message == refusal.message && may_be_gateway(refusal.code);
    return is_ca ? "ca_unreachable" : std::string(postern::name(refusal.code));
}

bool Desk::must_ask_gateways() const {
    return login_ && (!has_offers_ || is_gateway_doubted_ || is_gateway_lost_);
}

void Desk::ask_gateways_if_due() {
    const auto now = std::chrono::steady_clock::now();
    if (must_ask_gateways() && !is_refreshing_ && refresh_pace_.is_due(now) &&
        (server_->subscribers() > 0 || !ports_.all().empty())) {
        is_refreshing_ = true;
        net::spawn(control_.at(0), "refresh", refresh_in_background());
    }
}

asio::awaitable<void> Desk::refresh_in_background() {
    is_gateway_doubted_ = false;
    auto refreshing = refresh(logins_);
    const auto done = co_await std::move(refreshing);
    is_refreshing_ = false;
    if (done) {
        refresh_pace_.worked();
    } else {
        refresh_pace_.failed(std::chrono::steady_clock::now());
    }
    if (!is_stopping_) {
        gateways_answered(done);
    }
}

// Only the loss and the return are told, not each question between them; and the ports say how it is now.
void Desk::gateways_answered(const Outcome<void>& answer) {
    const bool has_asked = login_ && !login_->is_used_up(ca_clock().now());
    const bool is_lost = !answer && has_asked && may_be_gateway(answer.error().code);
    if (!answer && !is_lost) {
        return;
    }
    for (const auto& held : ports_.all()) {
        Mark& mark = marks_[held.port->service];
        const bool was_gateway = mark.error && may_be_gateway(mark.error->code);
        const bool is_news = is_lost ? !is_gateway_lost_ : was_gateway;
        if (held.port->logins == logins_ && is_news) {
            mark = is_lost ? Mark{answer.error(), reason_word(answer.error())} : Mark();
            publish_service(held.port->service);
        }
    }
    if (is_lost == is_gateway_lost_) {
        return;
    }
    is_gateway_lost_ = is_lost;
    Event event;
    event.kind = is_lost ? EventKind::gateway_lost : EventKind::gateway_back;
    if (is_lost) {
        event.told = answer.error();
        event.has_reason = true;
    }
    note_here(event);
}

}  // namespace postern::client
