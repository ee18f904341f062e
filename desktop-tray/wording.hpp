// The words in which things are told to a person, in the language of the desktop: reasons in plain words,
// durations, sizes, states.
#pragma once

#include <QCoreApplication>
#include <QString>
#include <chrono>

#include "desktop-tray/agent_state.hpp"

namespace postern::tray {

class Wording {
    Q_DECLARE_TR_FUNCTIONS(Wording)

public:
    /// Returns what happened: plain words for the reasons that are known, else what the agent said.
    static QString headline(const Trouble& trouble);
    /// Returns what the agent said, where it says more than the headline and the person reads its language;
    /// may be empty.
    static QString detail(const Trouble& trouble);
    /// Returns the same for people who do not read that language, introduced as the program's words; empty
    /// where detail() says it.
    static QString original(const Trouble& trouble);
    /// Returns what to do next; may be empty.
    static QString next_step(const Trouble& trouble);

    static QString event(const Event& event);
    /// Returns the service's state. An open port is worth nothing to somebody whose certificate is not valid,
    /// so it is not called connected unless `is_signed_in`.
    static QString state(const Service& service, bool is_signed_in = true);
    static QString overview(const AgentState& state);
    /// Returns for example "2 open connections".
    static QString connections(int count);
    static QString bytes(qint64 count);
    /// Returns for example "47 min", "1 h 5 min" or "30 s"; "now" when nothing is left.
    static QString duration(std::chrono::seconds left);
    /// Returns for example "20:15", with the day when it is another one.
    static QString time(const QDateTime& when, const QDateTime& now);
    /// Returns the fingerprint in upper case and groups of four, because people compare it by eye.
    static QString fingerprint(const QString& fingerprint);

private:
    static bool is_readable(const Trouble& trouble);
};

}  // namespace postern::tray
