// Decides when to disturb a person: only when they must act (sign in again) or lost something (refused,
// revoked, connection lost and back). It remembers what it has said, so that nothing is said twice. It is
// pure: it takes events and states, and returns notices.
#pragma once

#include <QCoreApplication>
#include <QHash>
#include <optional>

#include "desktop-tray/agent_state.hpp"

namespace postern::tray {

struct Notice {
    QString title;
    QString text;
    bool is_warning = true;
    /// True when the person should sign in because of it.
    bool wants_sign_in = false;
    bool operator==(const Notice&) const = default;
};

class Notices {
    Q_DECLARE_TR_FUNCTIONS(Notices)

public:
    std::optional<Notice> on_event(const Event& event, const AgentState& state, const QDateTime& now);
    /// To be called after every change of the state, and once a minute.
    std::optional<Notice> on_state(const AgentState& state, const QDateTime& now);

private:
    bool may_say(const QString& what, const QDateTime& now, qint64 quiet_seconds);
    bool may_say(const QString& what, const QDateTime& now);

    QHash<QString, QDateTime> said_;
    QString attention_;
    LoginState login_ = LoginState::valid;
    bool is_awaited_ = false;
    QDateTime warned_session_;
    bool has_lost_gateway_ = false;
};

}  // namespace postern::tray
