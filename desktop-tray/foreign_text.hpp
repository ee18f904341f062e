// Text that somebody else wrote (a gateway, the CA, the agent, a local program), wherever the tray shows it.
// One way for each place, so that it never is markup, a key's mark, or a line that runs backwards.
#pragma once

#include <QObject>
#include <QString>

class QMessageBox;

namespace postern::tray {

/// One line: controls, line breaks and what turns text round are written out (\n, \u202e), and what is longer
/// than `longest` bytes is cut. What comes from the agent passes through here once, where it enters.
QString one_line(const QString& text, int longest);
/// For menus, buttons and boxes to tick, in which an ampersand marks the next letter as a key.
QString without_keys(QString text);
/// For other programs of the desktop (notifications, the icon's tooltip), some of which read markup.
QString without_markup(QString text);
/// The smaller text of a box. Qt guesses its format otherwise.
void set_informative_text(QMessageBox* box, const QString& text);

/// For the whole application: no label, and no tooltip, guesses whether its text is markup. All of it is
/// plain.
class PlainLabels : public QObject {
public:
    using QObject::QObject;
    bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace postern::tray
