#include "desktop-tray/elided_label.hpp"

#include <QHelpEvent>
#include <QPainter>
#include <QTextLayout>
#include <QToolTip>
#include <algorithm>

namespace postern::tray {

namespace {

constexpr int kLeastCharacters = 4;

}  // namespace

ElidedLabel::ElidedLabel(int most_lines, QWidget* parent) : QLabel(parent), most_lines_(most_lines) {
    setTextFormat(Qt::PlainText);
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Preferred);
    policy.setHeightForWidth(most_lines > 1);
    setSizePolicy(policy);
}

QStringList ElidedLabel::lines_for(int width) const {
    QStringList lines;
    const QString all = text();
    QTextOption option;
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    QTextLayout layout(all, font());
    layout.setTextOption(option);
    layout.beginLayout();
    while (!all.isEmpty()) {
        QTextLine line = layout.createLine();
        if (!line.isValid()) {
            break;
        }
        line.setLineWidth(std::max(1, width));
        if (lines.size() + 1 == most_lines_) {
            lines.append(fontMetrics().elidedText(all.mid(line.textStart()), Qt::ElideRight, width));
            break;
        }
        lines.append(all.mid(line.textStart(), line.textLength()).trimmed());
    }
    layout.endLayout();
    return lines;
}

QSize ElidedLabel::sizeHint() const {
    const QMargins around = contentsMargins();
    return {fontMetrics().horizontalAdvance(text()) + 1 + around.left() + around.right(),
            fontMetrics().height() + around.top() + around.bottom()};
}

QSize ElidedLabel::minimumSizeHint() const {
    const int least = fontMetrics().averageCharWidth() * kLeastCharacters;
    return {std::min(least, sizeHint().width()), sizeHint().height()};
}

int ElidedLabel::heightForWidth(int width) const {
    const QMargins around = contentsMargins();
    const auto lines = std::max<qsizetype>(1, lines_for(width - around.left() - around.right()).size());
    return static_cast<int>(lines) * fontMetrics().lineSpacing() + around.top() + around.bottom();
}

bool ElidedLabel::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const QStringList lines = shown_lines();
        if (!lines.isEmpty() && lines.last().endsWith(QChar(0x2026)) && !text().endsWith(QChar(0x2026))) {
            QToolTip::showText(static_cast<QHelpEvent*>(event)->globalPos(), text(), this);
        } else {
            QToolTip::hideText();
        }
        return true;
    }
    return QLabel::event(event);
}

void ElidedLabel::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setFont(font());
    painter.setPen(palette().color(foregroundRole()));
    const QRect inside = contentsRect();
    const int spacing = fontMetrics().lineSpacing();
    int top = inside.top();
    if (most_lines_ == 1) {
        top = inside.top() + (inside.height() - fontMetrics().height()) / 2;
    }
    for (const QString& line : shown_lines()) {
        painter.drawText(QRect(inside.left(), top, inside.width(), fontMetrics().height()),
                         static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine), line);
        top += spacing;
    }
}

}  // namespace postern::tray
