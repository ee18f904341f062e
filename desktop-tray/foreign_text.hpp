// Text that somebody else wrote (a gateway, the CA, the agent, a local program), made safe for each place
// where the tray shows it: it never is markup, the mark of a key, or text that runs backwards.
#pragma once

#include <QObject>
#include <QString>

class QMessageBox;

namespace postern::tray {

/// Returns the text as one line: controls, line breaks and characters that change the direction of text are
/// escaped (\n, \u202e), and what is longer than `longest` bytes is cut. What comes from the agent passes
/// through here once, where it enters.
QString one_line(const QString& text, int longest);
/// Returns the text for menus, buttons and check boxes, in which an ampersand marks the next letter as a key.
QString without_keys(QString text);
/// Returns the text for other programs of the desktop (notifications, the icon's tooltip), some of which read
/// markup.
QString without_markup(QString text);
/// Sets the smaller text of a message box as plain text. Qt guesses its format otherwise.
void set_informative_text(QMessageBox* box, const QString& text);

/// An event filter for the whole application: it makes labels and tooltips plain text, which otherwise guess
/// whether their text is markup.
class PlainLabels : public QObject {
public:
    using QObject::QObject;
    bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace postern::tray
