#include "desktop-tray/notices.hpp"

#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr qint64 kQuietSeconds = 60;
constexpr qint64 kWarnBeforeSeconds = 600;
constexpr qsizetype kMostRemembered = 256;

// Reasons that mean the whole login, however many services notice it.
bool is_about_login(const QString& reason) {
    for (const char* known :
         {"revoked", "user_disabled", "session_ended", "expired", "login_expired", "login_required"}) {
        if (reason == QLatin1String(known)) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool Notices::may_say(const QString& what, const QDateTime& now) {
    if (const auto last = said_.constFind(what); last != said_.cend() && last->secsTo(now) < kQuietSeconds) {
        return false;
    }
    if (said_.size() >= kMostRemembered) {
        said_.clear();
    }
    said_.insert(what, now);
    return true;
}

std::optional<Notice> Notices::on_event(const Event& event, const AgentState& state, const QDateTime& now) {
    const QString& reason = event.trouble.reason;
    const QString subject = is_about_login(reason) ? reason : event.service + QLatin1Char('/') + reason;
    if (event.kind == QLatin1String("refused") || event.kind == QLatin1String("cut")) {
        if (!may_say(subject, now)) {
            return std::nullopt;
        }
        const QString title = event.kind == QLatin1String("cut")
                                  ? tr("%1: connection closed").arg(event.service)
                                  : tr("%1: access refused").arg(event.service);
        const QString next = Wording::next_step(event.trouble);
        return Notice{title,
                      Wording::headline(event.trouble) + (next.isEmpty() ? next : QLatin1Char('\n') + next)};
    }
    if (event.kind == QLatin1String("gateway_lost") && !has_lost_gateway_ && state.connected_count() > 0) {
        has_lost_gateway_ = true;
        return Notice{tr("Connection lost"),
                      tr("The gateway cannot be reached. Postern goes on trying and says when it is back.")};
    }
    if (event.kind == QLatin1String("gateway_back") && has_lost_gateway_) {
        has_lost_gateway_ = false;
        return Notice{tr("Connection is back"), tr("The gateway can be reached again."), false};
    }
    return std::nullopt;
}

std::optional<Notice> Notices::on_state(const AgentState& state, const QDateTime& now) {
    // Being signed out or not set up is what a person chose; the window says it.
    const bool is_asked_for =
        state.attention() && (state.attention()->reason == QLatin1String("login_required") ||
                              state.attention()->reason == QLatin1String("trust_required"));
    const QString attention = state.attention() && !is_asked_for ? state.attention()->reason : QString();
    const bool is_new = attention != std::exchange(attention_, attention);
    if (is_new && !attention.isEmpty() && may_say(attention, now)) {
        return Notice{Wording::headline(*state.attention()), Wording::next_step(*state.attention())};
    }
    if (!state.login()) {
        login_ = LoginState::valid;
        return std::nullopt;
    }
    const Login& login = *state.login();
    const LoginState before = std::exchange(login_, login.state);
    if (!login.is_usable()) {
        const Trouble why{
            login.state == LoginState::revoked ? QStringLiteral("revoked") : QStringLiteral("login_expired"),
            {},
            {},
            {}};
        if (before != login.state && attention.isEmpty() && may_say(why.reason, now)) {
            return Notice{Wording::headline(why), Wording::next_step(why)};
        }
        return std::nullopt;
    }
    const qint64 left = now.secsTo(login.session_ends);
    if (login.session_ends.isValid() && left > 0 && left <= kWarnBeforeSeconds &&
        login.session_ends != warned_session_) {
        warned_session_ = login.session_ends;
        if (attention.isEmpty()) {
            return Notice{tr("Your login ends in %1").arg(Wording::duration(std::chrono::seconds(left))),
                          tr("Sign in again, or open connections will be closed.")};
        }
    }
    return std::nullopt;
}

}  // namespace postern::tray
