#include "desktop-tray/copy_line.hpp"

#include <QApplication>
#include <QClipboard>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QTimer>
#include <QToolButton>
#include <chrono>

#include "desktop-tray/glyphs.hpp"

namespace postern::tray {

namespace {

constexpr std::chrono::milliseconds kShowCopied{1500};

}  // namespace

CopyLine::CopyLine(const QString& what, QWidget* parent)
    : QWidget(parent), line_(new QLineEdit(this)), button_(new QToolButton(this)), what_(what) {
    line_->setReadOnly(true);
    line_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    line_->setAccessibleName(what);
    auto* const layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    layout->addWidget(line_, 1);
    layout->addWidget(button_);
    connect(button_, &QToolButton::clicked, this, &CopyLine::copy);
    show_done(false);
}

void CopyLine::set_text(const QString& text) {
    if (text == text_) {
        return;
    }
    text_ = text;
    line_->setText(QString(text).replace(QLatin1Char('\n'), QLatin1Char(' ')));
    line_->setCursorPosition(0);
    line_->setToolTip(line_->text());
}

void CopyLine::copy() {
    QApplication::clipboard()->setText(text_);
    show_done(true);
    QTimer::singleShot(kShowCopied, this, [this] { show_done(false); });
}

void CopyLine::show_done(bool is_done) {
    button_->setIcon(glyph_icon(is_done ? Glyph::check : Glyph::copy));
    const QString text = is_done ? tr("Copied") : tr("Copy %1").arg(what_);
    button_->setToolTip(text);
    button_->setAccessibleName(text);
}

}  // namespace postern::tray
