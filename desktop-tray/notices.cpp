#include "desktop-tray/notices.hpp"

#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr qint64 kQuietSeconds = 60;
/// How long there is no second notice about the login. A program that needs a login mostly tries again, for
/// as long as nobody signs in.
constexpr qint64 kQuietAboutLogin = 600;
constexpr qsizetype kMostRemembered = 256;

/// Returns whether the reason concerns the whole login, however many services notice it.
bool is_about_login(const QString& reason) {
    for (const char* known : {"revoked", "user_disabled", "session_ended", "expired", "login_expired",
                              "login_required", "ca_unreachable"}) {
        if (reason == QLatin1String(known)) {
            return true;
        }
    }
    return false;
}

bool can_sign_in_help(const QString& reason) {
    return reason != QLatin1String("user_disabled") && reason != QLatin1String("ca_unreachable");
}

/// Returns whether the reason may mean that there is no way to the gateway any more. There is one notice for
/// all of these.
bool is_loss(const QString& reason) {
    for (const char* known : {"unreachable", "end_of_stream", "timed_out", "shutting_down"}) {
        if (reason == QLatin1String(known)) {
            return true;
        }
    }
    return false;
}

constexpr QLatin1String kLoss("connection lost");
constexpr QLatin1String kWaiting("a program waits");

/// Returns one name for the end of a login. A login ends once, whatever its connections and the agent call
/// that.
QString end_of_login(const QString& reason) {
    for (const char* known : {"session_ended", "expired", "login_required"}) {
        if (reason == QLatin1String(known)) {
            return QStringLiteral("login_expired");
        }
    }
    return reason == QLatin1String("user_disabled") ? QStringLiteral("revoked") : reason;
}

}  // namespace

bool Notices::may_say(const QString& what, const QDateTime& now) {
    return may_say(what, now, kQuietSeconds);
}

bool Notices::may_say(const QString& what, const QDateTime& now, qint64 quiet_seconds) {
    if (const auto last = said_.constFind(what); last != said_.cend() && last->secsTo(now) < quiet_seconds) {
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
    const QString subject = is_about_login(reason) ? end_of_login(reason)
                            : is_loss(reason)      ? QString(kLoss)
                                                   : event.service + QLatin1Char('/') + reason;
    if (event.kind == QLatin1String("refused") || event.kind == QLatin1String("cut")) {
        // All losses of a gateway have one subject, and so one notice.
        const qint64 quiet = is_about_login(reason) ? kQuietAboutLogin : kQuietSeconds;
        if (is_local(event.trouble) || !may_say(subject, now, quiet)) {
            return std::nullopt;
        }
        const QString title = is_loss(reason)                      ? tr("%1: connection lost")
                              : event.kind == QLatin1String("cut") ? tr("%1: connection closed")
                                                                   : tr("%1: access refused");
        const QString next = Wording::next_step(event.trouble);
        return Notice{title.arg(event.service),
                      Wording::headline(event.trouble) + (next.isEmpty() ? next : QLatin1Char('\n') + next),
                      true, is_about_login(reason) && can_sign_in_help(reason)};
    }
    if (event.kind == QLatin1String("gateway_lost") && !has_lost_gateway_ && state.open_count() > 0) {
        has_lost_gateway_ = true;
        if (!may_say(kLoss, now)) {
            return std::nullopt;
        }
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
    // Being signed out or not set up is what a person chose, and the window says it.
    const bool is_asked_for =
        state.attention() && (state.attention()->reason == QLatin1String("login_required") ||
                              state.attention()->reason == QLatin1String("trust_required"));
    const QString attention = state.attention() && !is_asked_for ? state.attention()->reason : QString();
    const bool is_new = attention != std::exchange(attention_, attention);
    const bool was_awaited = std::exchange(is_awaited_, state.is_sign_in_awaited());
    if (is_awaited_ && !was_awaited && may_say(kWaiting, now, kQuietAboutLogin)) {
        // This notice says as well that the login has ended.
        may_say(end_of_login(attention), now);
        return Notice{tr("A program waits for you to sign in"), tr("It goes on as soon as you have."), true,
                      true};
    }
    if (is_new && !attention.isEmpty() && may_say(end_of_login(attention), now)) {
        return Notice{Wording::headline(*state.attention()), Wording::next_step(*state.attention()), true,
                      can_sign_in_help(attention)};
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
            return Notice{Wording::headline(why), Wording::next_step(why), true, true};
        }
        return std::nullopt;
    }
    if (before == LoginState::expired || before == LoginState::revoked) {
        // The next end of a login is another one, and is told again.
        for (const char* end : {"login_expired", "revoked"}) {
            said_.remove(QLatin1String(end));
        }
        said_.remove(kWaiting);
    }
    const qint64 left = now.secsTo(login.session_ends);
    if (login.ends_soon(now) && login.session_ends != warned_session_) {
        warned_session_ = login.session_ends;
        if (attention.isEmpty()) {
            return Notice{tr("Your login ends in %1").arg(Wording::duration(std::chrono::seconds(left))),
                          tr("Sign in again before then to go on without a break."), true, true};
        }
    }
    return std::nullopt;
}

}  // namespace postern::tray
