// How things are said to a person, in the language of the desktop: reasons in plain words, durations, sizes,
// states.
#pragma once

#include <QCoreApplication>
#include <QString>
#include <chrono>

#include "desktop-tray/agent_state.hpp"

namespace postern::tray {

class Wording {
    Q_DECLARE_TR_FUNCTIONS(Wording)

public:
    /// What happened, in plain words for the reasons that are known; else what the agent said.
    static QString headline(const Trouble& trouble);
    /// What the agent said, where it says more than the headline, to people who read its language; may be
    /// empty.
    static QString detail(const Trouble& trouble);
    /// The same for the others, introduced as what it is; empty where detail() says it.
    static QString original(const Trouble& trouble);
    /// What to do next; may be empty.
    static QString next_step(const Trouble& trouble);

    static QString event(const Event& event);
    /// An open port is worth nothing to somebody whose certificate is not valid.
    static QString state(const Service& service, bool is_signed_in = true);
    static QString overview(const AgentState& state);
    /// "2 open connections"
    static QString connections(int count);
    static QString bytes(qint64 count);
    /// "47 min", "1 h 5 min", "30 s"; "now" when nothing is left.
    static QString duration(std::chrono::seconds left);
    /// "20:15", with the day when it is another one.
    static QString time(const QDateTime& when, const QDateTime& now);
    /// Fingerprints are compared by eye: groups of four, upper case.
    static QString fingerprint(const QString& fingerprint);

private:
    static bool is_readable(const Trouble& trouble);
};

}  // namespace postern::tray
