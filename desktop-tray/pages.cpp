#include "desktop-tray/pages.hpp"

#include <QBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QToolButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

Page::Page(QWidget* parent)
    : QWidget(parent), column_(new QVBoxLayout), title_(plain_label({}, this)), text_(plain_label({}, this)) {
    auto* const icon = new QLabel(this);
    icon->setPixmap(program_icon().pixmap(QSize(56, 56)));
    icon->setAccessibleName(QStringLiteral("Postern"));
    scale_font(title_, 1.5, true);
    make_quiet(text_);

    auto* const middle = new QWidget(this);
    middle->setLayout(column_);
    middle->setMaximumWidth(fontMetrics().averageCharWidth() * 62);
    column_->setContentsMargins(24, 24, 24, 24);
    column_->setSpacing(10);
    column_->addWidget(icon);
    column_->addSpacing(6);
    column_->addWidget(title_);
    column_->addWidget(text_);
    column_->addSpacing(8);

    // On small screens and with large letters the page scrolls and is not cut.
    auto* const inside = new QWidget(this);
    auto* const rows = new QVBoxLayout(inside);
    auto* const across = new QHBoxLayout;
    rows->addStretch(2);
    rows->addLayout(across);
    rows->addStretch(3);
    across->addStretch(1);
    across->addWidget(middle, 1000);
    across->addStretch(1);
    auto* const scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setWidget(inside);
    scroll->viewport()->setAutoFillBackground(false);
    inside->setAutoFillBackground(false);
    menu_button_ = make_menu_button(this);
    menu_button_->hide();
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(18, 14, 18, 14);
    layout->setSpacing(0);
    layout->addWidget(scroll);
    layout->insertWidget(0, menu_button_, 0, Qt::AlignRight);
}

void Page::set_menu(QMenu* menu) {
    menu_button_->setMenu(menu);
    menu_button_->show();
}

QToolButton* make_menu_button(QWidget* parent) {
    auto* const button = new QToolButton(parent);
    button->setIcon(glyph_icon(Glyph::menu));
    button->setIconSize(QSize(20, 20));
    button->setPopupMode(QToolButton::InstantPopup);
    button->setToolTip(Page::tr("Menu"));
    button->setAccessibleName(Page::tr("Menu"));
    return button;
}

MessagePage::MessagePage(QWidget* parent) : Page(parent), again_(new QPushButton(tr("&Try again"), this)) {
    auto* const row = new QHBoxLayout;
    row->addWidget(again_);
    row->addStretch();
    column()->addLayout(row);
    connect(again_, &QPushButton::clicked, this, &MessagePage::try_again);
    show_waiting();
}

void MessagePage::show_waiting() {
    title()->setText(tr("Starting Postern …"));
    text()->setText(tr("Postern's agent keeps your connections. It is being started."));
    again_->hide();
}

void MessagePage::show_failure(const Trouble& why) {
    title()->setText(Wording::headline(why));
    text()->setText(Wording::next_step(why));
    if (again_->isHidden()) {
        again_->show();
        again_->setFocus();
    }
}

}  // namespace postern::tray
