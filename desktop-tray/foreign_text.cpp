#include "desktop-tray/foreign_text.hpp"

#include <QEvent>
#include <QLabel>
#include <QMessageBox>

#include "base/shown_text.hpp"

namespace postern::tray {

QString one_line(const QString& text, int longest) {
    const QByteArray bytes = text.toUtf8();
    return QString::fromStdString(postern::shown({bytes.constData(), static_cast<std::size_t>(bytes.size())},
                                                 static_cast<std::size_t>(longest)));
}

QString without_keys(QString text) {
    return text.replace(QLatin1Char('&'), QLatin1String("&&"));
}

QString without_markup(QString text) {
    // These characters look alike, and no reader takes them for markup.
    return text.replace(QLatin1Char('<'), QChar(0x2039))
        .replace(QLatin1Char('>'), QChar(0x203a))
        .replace(QLatin1Char('&'), QChar(0xff06));
}

void set_informative_text(QMessageBox* box, const QString& text) {
    box->setTextFormat(Qt::PlainText);
    // The label is made with the first text, so its format can be set only then.
    box->setInformativeText(QStringLiteral(" "));
    for (QLabel* label : box->findChildren<QLabel*>()) {
        label->setTextFormat(Qt::PlainText);
    }
    box->setInformativeText(text);
}

/// A label is polished before it is seen, and a tooltip's label before it has its text.
bool PlainLabels::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Polish) {
        if (auto* const label = qobject_cast<QLabel*>(watched);
            label != nullptr && label->textFormat() == Qt::AutoText) {
            label->setTextFormat(Qt::PlainText);
        }
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace postern::tray
