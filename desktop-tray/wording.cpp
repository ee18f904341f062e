#include "desktop-tray/wording.hpp"

#include <QLocale>
#include <algorithm>
#include <iterator>

namespace postern::tray {

namespace {

struct Words {
    const char* reason;
    const char* headline;
    const char* next_step;
    /// True where the agent's message names what the headline cannot: a port, a rule, an address.
    bool has_detail = false;
};

/// The words for each reason. The reasons are those of the audit log (base/result.hpp) and the agent's own.
constexpr Words kWords[] = {
    {"login_required", QT_TRANSLATE_NOOP("Wording", "You are not signed in."),
     QT_TRANSLATE_NOOP("Wording", "Sign in, then try again.")},
    {"login_expired", QT_TRANSLATE_NOOP("Wording", "Your login has ended."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again to go on.")},
    {"login_ends_soon", QT_TRANSLATE_NOOP("Wording", "Your login ends soon."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again now to go on without a break.")},
    {"session_ended", QT_TRANSLATE_NOOP("Wording", "Your login has ended."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again to go on.")},
    {"expired", QT_TRANSLATE_NOOP("Wording", "Your certificate has expired."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again to get a new one.")},
    {"bad_credentials", QT_TRANSLATE_NOOP("Wording", "That name or password is not right."),
     QT_TRANSLATE_NOOP("Wording", "Check both and try again.")},
    {"revoked", QT_TRANSLATE_NOOP("Wording", "Your certificate was revoked."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again. If that is refused, ask your administrator.")},
    {"user_disabled", QT_TRANSLATE_NOOP("Wording", "Your account is disabled."),
     QT_TRANSLATE_NOOP("Wording", "Ask your administrator.")},
    {"policy_denied", QT_TRANSLATE_NOOP("Wording", "You may not use this service."),
     QT_TRANSLATE_NOOP(
         "Wording", "Ask your administrator for access; the connection id helps them to find the refusal."),
     true},
    {"service_not_listed", QT_TRANSLATE_NOOP("Wording", "The CA does not list this service."),
     QT_TRANSLATE_NOOP("Wording", "Ask your administrator to list it.")},
    {"gateway_contradicts",
     QT_TRANSLATE_NOOP("Wording", "The gateway says something else of this service than the CA."),
     QT_TRANSLATE_NOOP("Wording", "Nothing was opened. Tell your administrator."), true},
    {"unknown_service", QT_TRANSLATE_NOOP("Wording", "The gateway knows no such service."),
     QT_TRANSLATE_NOOP("Wording", "Refresh the list of services."), true},
    {"limit_reached", QT_TRANSLATE_NOOP("Wording", "Too many connections are open."),
     QT_TRANSLATE_NOOP("Wording", "Close some, then try again."), true},
    {"login_name_mismatch", QT_TRANSLATE_NOOP("Wording", "The database user is not your login name."),
     QT_TRANSLATE_NOOP("Wording", "Connect with your own name."), true},
    {"port_in_use", QT_TRANSLATE_NOOP("Wording", "The local port is taken by another program."),
     QT_TRANSLATE_NOOP("Wording", "Choose another port, or end that program."), true},
    {"ca_unreachable", QT_TRANSLATE_NOOP("Wording", "The CA service cannot be reached."),
     QT_TRANSLATE_NOOP("Wording", "Check your network or VPN, then try again."), true},
    {"ca_unavailable", QT_TRANSLATE_NOOP("Wording", "The CA service cannot do this now."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator."), true},
    // This is about failed logins or about certificates; the CA's words say which.
    {"asked_too_often", QT_TRANSLATE_NOOP("Wording", "The CA service was asked too often."),
     QT_TRANSLATE_NOOP("Wording", "Wait a moment, then try again."), true},
    // This is the CA's database or what keeps the login's key; the agent's words say which.
    {"unavailable", QT_TRANSLATE_NOOP("Wording", "That cannot be done now."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment."), true},
    {"unreachable", QT_TRANSLATE_NOOP("Wording", "The gateway cannot be reached."),
     QT_TRANSLATE_NOOP("Wording", "Check your network or VPN, then try again."), true},
    {"backend_unreachable", QT_TRANSLATE_NOOP("Wording", "The database cannot be reached from the gateway."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator."), true},
    {"backend_timed_out", QT_TRANSLATE_NOOP("Wording", "The database did not answer in time."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator."), true},
    {"wrong_server_identity", QT_TRANSLATE_NOOP("Wording", "The server is not the one that it should be."),
     QT_TRANSLATE_NOOP("Wording", "Do not go on. Tell your administrator."), true},
    {"crl_stale", QT_TRANSLATE_NOOP("Wording", "The gateway has not heard from the CA for too long."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator.")},
    {"end_of_stream", QT_TRANSLATE_NOOP("Wording", "The connection was lost."),
     QT_TRANSLATE_NOOP("Wording", "Connect again in your program."), true},
    {"timed_out", QT_TRANSLATE_NOOP("Wording", "The gateway did not answer in time."),
     QT_TRANSLATE_NOOP("Wording", "Check your network or VPN, then try again."), true},
    {"local_denied", QT_TRANSLATE_NOOP("Wording", "The program may not use this port."),
     QT_TRANSLATE_NOOP("Wording",
                       "It was not let in. The port is for your own programs, and those that are allowed."),
     true},
    {"local_timed_out", QT_TRANSLATE_NOOP("Wording", "The other side did not answer in time."),
     QT_TRANSLATE_NOOP("Wording", "If it was the gateway: check your network or VPN, then try again."), true},
    {"killed", QT_TRANSLATE_NOOP("Wording", "An administrator ended the connection."),
     QT_TRANSLATE_NOOP("Wording", "Ask why before you connect again."), true},
    {"not_yet_valid", QT_TRANSLATE_NOOP("Wording", "Your certificate is not valid yet."),
     QT_TRANSLATE_NOOP("Wording", "Check the clock of this computer.")},
    {"audit_unavailable", QT_TRANSLATE_NOOP("Wording", "The gateway lets nobody in now."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator.")},
    {"tls_failed", QT_TRANSLATE_NOOP("Wording", "No secure connection could be made."),
     QT_TRANSLATE_NOOP("Wording", "Check your network or VPN, then try again."), true},
    {"shutting_down", QT_TRANSLATE_NOOP("Wording", "The gateway is shutting down."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment.")},
    {"trust_required", QT_TRANSLATE_NOOP("Wording", "No CA service is known yet."),
     QT_TRANSLATE_NOOP("Wording", "Enter its address and compare its fingerprint.")},
    {"unauthenticated", QT_TRANSLATE_NOOP("Wording", "You are not signed in."),
     QT_TRANSLATE_NOOP("Wording", "Sign in, then try again."), true},
    {"no_certificate", QT_TRANSLATE_NOOP("Wording", "No certificate was shown."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again. If that does not help, tell your administrator."), true},
    {"malformed_certificate", QT_TRANSLATE_NOOP("Wording", "A certificate cannot be read."),
     QT_TRANSLATE_NOOP("Wording", "Sign in again. If that does not help, tell your administrator."), true},
    {"unknown_issuer",
     QT_TRANSLATE_NOOP("Wording", "A certificate comes from an authority that is not trusted."),
     QT_TRANSLATE_NOOP("Wording", "Do not go on. Tell your administrator."), true},
    {"self_signed", QT_TRANSLATE_NOOP("Wording", "A certificate is signed by itself."),
     QT_TRANSLATE_NOOP("Wording", "Do not go on. Tell your administrator."), true},
    {"wrong_purpose", QT_TRANSLATE_NOOP("Wording", "A certificate is not meant for this."),
     QT_TRANSLATE_NOOP("Wording", "Do not go on. Tell your administrator."), true},
    {"malformed_request", QT_TRANSLATE_NOOP("Wording", "What was asked for cannot be understood."),
     QT_TRANSLATE_NOOP("Wording", "Check which program connects, and how."), true},
    {"request_too_large", QT_TRANSLATE_NOOP("Wording", "What was asked for is too large."),
     QT_TRANSLATE_NOOP("Wording", "Check which program connects, and how."), true},
    {"not_tls", QT_TRANSLATE_NOOP("Wording", "The other side does not speak TLS."),
     QT_TRANSLATE_NOOP("Wording", "Check your network or VPN, and which program connects."), true},
    {"tls_version", QT_TRANSLATE_NOOP("Wording", "The other side speaks no version of TLS that is allowed."),
     QT_TRANSLATE_NOOP("Wording", "Tell your administrator."), true},
    {"backend_refused_tls", QT_TRANSLATE_NOOP("Wording", "The database refuses encryption."),
     QT_TRANSLATE_NOOP("Wording", "Tell your administrator."), true},
    {"cancelled", QT_TRANSLATE_NOOP("Wording", "That was ended before it was done."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment."), true},
    {"config_invalid", QT_TRANSLATE_NOOP("Wording", "A setting is not right."),
     QT_TRANSLATE_NOOP("Wording", "Mend it, then try again."), true},
    {"io_failed", QT_TRANSLATE_NOOP("Wording", "Something could not be read or written."),
     QT_TRANSLATE_NOOP("Wording",
                       "Is the disk full, or the folder another user's? Mend that, then try again."),
     true},
    {"out_of_resources", QT_TRANSLATE_NOOP("Wording", "There are no file descriptors or memory left."),
     QT_TRANSLATE_NOOP("Wording", "Close programs or connections, then try again."), true},
    {"not_found", QT_TRANSLATE_NOOP("Wording", "That is not there."),
     QT_TRANSLATE_NOOP("Wording", "Refresh the list of services."), true},
    {"already_exists", QT_TRANSLATE_NOOP("Wording", "That is there already."),
     QT_TRANSLATE_NOOP("Wording", "Use it, or choose another name."), true},
    {"internal", QT_TRANSLATE_NOOP("Wording", "Something went wrong inside Postern."),
     QT_TRANSLATE_NOOP("Wording", "Try again in a moment; then tell your administrator."), true},
};

const Words* words_for(const QString& reason) {
    const auto found = std::find_if(std::begin(kWords), std::end(kWords), [&](const Words& words) {
        return reason == QLatin1String(words.reason);
    });
    return found == std::end(kWords) ? nullptr : found;
}

/// Makes a sentence of what the agent says, which is a part of one.
QString as_sentence(QString text) {
    if (!text.isEmpty()) {
        // Names stay as they are, so only these words get a capital.
        for (const char* word : {"the ", "this ", "no ", "nobody ", "a ", "an ", "you "}) {
            if (text.startsWith(QLatin1String(word))) {
                text[0] = text[0].toUpper();
            }
        }
        if (text.back().isLetterOrNumber() || text.back() == QLatin1Char('"')) {
            text += QLatin1Char('.');
        }
    }
    return text;
}

}  // namespace

/// Returns whether the person reads the language of the message. The agent and the CA speak English.
bool Wording::is_readable(const Trouble& trouble) {
    if (trouble.is_own) {
        return true;
    }
    //: The name of the language that these texts are translated to, in English: "German", "French".
    return tr("English") == QLatin1String("English");
}

QString Wording::headline(const Trouble& trouble) {
    if (const Words* words = words_for(trouble.reason)) {
        return tr(words->headline);
    }
    return trouble.message.isEmpty() || !is_readable(trouble)
               ? tr("Something went wrong (%1).").arg(trouble.reason)
               : as_sentence(trouble.message);
}

QString Wording::detail(const Trouble& trouble) {
    const Words* words = words_for(trouble.reason);
    const bool is_told = words != nullptr && words->has_detail && is_readable(trouble);
    return is_told ? as_sentence(trouble.message) : QString();
}

QString Wording::original(const Trouble& trouble) {
    if (trouble.message.isEmpty() || is_readable(trouble)) {
        return {};
    }
    return tr("In the program's own words: %1").arg(as_sentence(trouble.message));
}

QString Wording::next_step(const Trouble& trouble) {
    const Words* words = words_for(trouble.reason);
    if (words != nullptr) {
        return tr(words->next_step);
    }
    return is_readable(trouble) ? trouble.hint : QString();
}

QString Wording::event(const Event& event) {
    const QString name = event.program.section(QLatin1Char('/'), -1);
    const QString program = name.isEmpty() ? tr("A program") : name;
    const bool has_why = !event.trouble.is_empty();
    const QString why = has_why ? headline(event.trouble) : QString();
    const auto with_why = [&](const QString& text) {
        return has_why ? text + QLatin1String(": ") + why : text;
    };
    const QString& kind = event.kind;
    if (kind == QLatin1String("connected")) {
        return tr("Connected");
    }
    if (kind == QLatin1String("disconnected")) {
        return tr("Disconnected");
    }
    if (kind == QLatin1String("accepted")) {
        return tr("%1 opened a connection").arg(program);
    }
    if (kind == QLatin1String("closed")) {
        return name.isEmpty() ? tr("A connection was closed") : tr("%1 closed its connection").arg(name);
    }
    if (kind == QLatin1String("refused")) {
        return with_why(tr("Refused"));
    }
    if (kind == QLatin1String("cut")) {
        return with_why(tr("Connection cut"));
    }
    if (kind == QLatin1String("login")) {
        return tr("Signed in");
    }
    if (kind == QLatin1String("logout")) {
        return tr("Signed out");
    }
    if (kind == QLatin1String("renewed")) {
        return tr("Certificate renewed");
    }
    if (kind == QLatin1String("renewal_failed")) {
        return with_why(tr("Certificate not renewed"));
    }
    if (kind == QLatin1String("gateway_lost")) {
        return tr("Gateway lost");
    }
    if (kind == QLatin1String("gateway_back")) {
        return tr("Gateway is back");
    }
    return event.trouble.message.isEmpty() || !is_readable(event.trouble) ? kind : event.trouble.message;
}

QString Wording::state(const Service& service, bool is_signed_in) {
    if (!is_signed_in && service.state == ServiceState::connected && service.port > 0) {
        return tr("Port %1 is open, certificate not valid").arg(service.port);
    }
    switch (service.state) {
        case ServiceState::connecting:
            return tr("Connecting …");
        case ServiceState::connected:
            return service.port > 0 ? tr("Connected on localhost:%1").arg(service.port) : tr("Connected");
        case ServiceState::error:
            return headline(service.error);
        case ServiceState::disconnected:
            break;
    }
    return service.is_allowed ? tr("Not connected") : tr("No longer allowed for you");
}

QString Wording::overview(const AgentState& state) {
    switch (state.overview()) {
        case Overview::no_agent:
            return tr("The agent does not run");
        case Overview::not_set_up:
            return tr("Not set up yet");
        case Overview::signed_out:
            return tr("Signed out");
        case Overview::needs_attention:
            if (state.attention()) {
                return headline(*state.attention());
            }
            return tr("Needs attention");
        case Overview::signed_in:
            return tr("Signed in as %1").arg(state.login()->user);
        case Overview::connected:
            break;
    }
    return tr("%n service(s) connected", nullptr, state.connected_count());
}

QString Wording::connections(int count) {
    return count == 0 ? tr("no open connections") : tr("%n open connection(s)", nullptr, count);
}

QString Wording::bytes(qint64 count) {
    return QLocale().formattedDataSize(count, 1, QLocale::DataSizeSIFormat);
}

QString Wording::duration(std::chrono::seconds left) {
    const qint64 seconds = left.count();
    if (seconds <= 0) {
        return tr("now");
    }
    if (seconds < 60) {
        return tr("%1 s").arg(seconds);
    }
    const qint64 minutes = seconds / 60;
    if (minutes < 60) {
        return tr("%1 min").arg(minutes);
    }
    return minutes % 60 == 0 ? tr("%1 h").arg(minutes / 60)
                             : tr("%1 h %2 min").arg(minutes / 60).arg(minutes % 60);
}

QString Wording::time(const QDateTime& when, const QDateTime& now) {
    const QDateTime local = when.toLocalTime();
    const QLocale locale;
    // The seconds, which the plain locale has, say nothing here.
    const QString hour =
        locale.toString(local.time(), locale.timeFormat(QLocale::ShortFormat).remove(QLatin1String(":ss")));
    return local.date() == now.toLocalTime().date()
               ? hour
               : locale.toString(local.date(), QLocale::ShortFormat) + QLatin1Char(' ') + hour;
}

QString Wording::fingerprint(const QString& fingerprint) {
    const QString digits = fingerprint.section(QLatin1Char(':'), -1).toUpper();
    QStringList groups;
    for (qsizetype at = 0; at < digits.size(); at += 4) {
        groups.append(digits.mid(at, 4));
    }
    QStringList lines;
    for (qsizetype at = 0; at < groups.size(); at += 8) {
        lines.append(groups.mid(at, 8).join(QLatin1Char(' ')));
    }
    return lines.join(QLatin1Char('\n'));
}

}  // namespace postern::tray
