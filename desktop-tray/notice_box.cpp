#include "desktop-tray/notice_box.hpp"

#include <QAccessible>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/copy_line.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

QLabel* plain_label(const QString& text, QWidget* parent, bool is_selectable) {
    auto* const label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    // A long word is cut off and does not push its neighbours out.
    label->setMinimumWidth(1);
    if (is_selectable) {
        label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    }
    return label;
}

NoticeBox::NoticeBox(Tone tone, QWidget* parent)
    : QFrame(parent),
      tone_(tone),
      headline_(plain_label({}, this)),
      detail_(plain_label({}, this, true)),
      next_step_(plain_label({}, this)),
      connection_id_(new CopyLine(tr("connection id"), this)),
      button_(new QPushButton(this)) {
    scale_font(headline_, 1.0, true);
    detail_->setFocusPolicy(Qt::NoFocus);
    auto* const texts = new QVBoxLayout;
    texts->setSpacing(2);
    for (QLabel* label : {headline_, detail_, next_step_}) {
        texts->addWidget(label);
    }
    connection_id_->setContentsMargins(0, 4, 0, 0);
    texts->addWidget(connection_id_);
    auto* const layout = new QHBoxLayout(this);
    layout->setContentsMargins(18, 10, 12, 10);
    layout->setSpacing(16);
    layout->addLayout(texts, 1);
    layout->addWidget(button_, 0, Qt::AlignVCenter);
    button_->hide();
    connect(button_, &QPushButton::clicked, this, &NoticeBox::clicked);
    hide();
}

void NoticeBox::set_button(const QString& text) {
    button_->setText(text);
    button_->setVisible(!text.isEmpty());
}

void NoticeBox::show_trouble(const Trouble& trouble) {
    if (trouble.is_empty()) {
        hide();
        return;
    }
    headline_->setText(Wording::headline(trouble));
    const std::pair<QLabel*, QString> lines[] = {{detail_, Wording::detail(trouble)},
                                                 {next_step_, Wording::next_step(trouble)}};
    for (const auto& [label, text] : lines) {
        label->setText(text);
        label->setVisible(!text.isEmpty());
    }
    setToolTip(Wording::original(trouble));
    connection_id_->set_text(trouble.connection_id);
    connection_id_->setVisible(!trouble.connection_id.isEmpty());
    setAccessibleName(text());
    const bool is_new = isHidden();
    show();
    if (is_new) {
        QAccessibleEvent alert(this, QAccessible::Alert);
        QAccessible::updateAccessibility(&alert);
    }
}

QString NoticeBox::text() const {
    QStringList lines;
    for (const QLabel* label : {headline_, detail_, next_step_}) {
        if (!label->text().isEmpty()) {
            lines.append(label->text());
        }
    }
    return lines.join(QLatin1Char('\n'));
}

void NoticeBox::changeEvent(QEvent* event) {
    if (event->type() == QEvent::PaletteChange) {
        update();
    }
    QFrame::changeEvent(event);
}

void NoticeBox::paintEvent(QPaintEvent*) {
    const Tones tones = Tones::of(palette());
    const QColor edge = tone_ == Tone::warning ? tones.warning : tones.danger;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(tone_ == Tone::warning ? tones.warning_ground : tones.danger_ground);
    painter.drawRoundedRect(rect(), 8, 8);
    painter.setClipRect(QRect(0, 0, 5, height()));
    painter.setBrush(edge);
    painter.drawRoundedRect(rect(), 8, 8);
}

}  // namespace postern::tray
