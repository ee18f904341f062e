#include "desktop-tray/appearance.hpp"

#include <QAbstractButton>
#include <QApplication>
#include <QSignalBlocker>
#include <QStyle>
#include <QWidget>

namespace postern::tray {

namespace {

struct Grounds {
    const char *window, *base, *alternate, *button, *text, *quiet, *accent, *on_accent, *tooltip;
};

constexpr Grounds kLight{"#f5f6f7", "#ffffff", "#f0f2f3", "#ffffff", "#1b2024",
                         "#59636b", "#0f7a65", "#ffffff", "#ffffff"};
constexpr Grounds kDark{"#1d2124", "#16191b", "#22272a", "#2a3034", "#e7eaec",
                        "#a0abb3", "#35b596", "#06201a", "#2a3034"};

QPalette palette_of(const Grounds& grounds) {
    QPalette palette{QColor(grounds.button), QColor(grounds.window)};
    palette.setColor(QPalette::Base, grounds.base);
    palette.setColor(QPalette::AlternateBase, grounds.alternate);
    for (const auto role :
         {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText}) {
        palette.setColor(role, grounds.text);
        palette.setColor(QPalette::Disabled, role, QColor(grounds.quiet));
    }
    palette.setColor(QPalette::PlaceholderText, grounds.quiet);
    palette.setColor(QPalette::Highlight, grounds.accent);
    palette.setColor(QPalette::HighlightedText, grounds.on_accent);
    palette.setColor(QPalette::Link, grounds.accent);
    palette.setColor(QPalette::ToolTipBase, grounds.tooltip);
    return palette;
}

QColor mixed(const QColor& over, const QColor& under, double share) {
    const auto mix = [share](float a, float b) {
        return a * static_cast<float>(share) + b * static_cast<float>(1 - share);
    };
    return QColor::fromRgbF(mix(over.redF(), under.redF()), mix(over.greenF(), under.greenF()),
                            mix(over.blueF(), under.blueF()));
}

/// Returns the style sheet for a palette. Placeholders are @name@; every colour comes from the palette, so
/// that one text serves light and dark.
QString style_sheet(const QPalette& palette) {
    QString text = QStringLiteral(R"(
QPushButton { background: @button@; color: @text@; border: 1px solid @line@; border-radius: 6px; padding: 6px 14px; }
QPushButton:hover { border-color: @edge@; }
QPushButton:pressed { background: @pressed@; }
QPushButton:disabled { color: @quiet@; background: @window@; }
QPushButton:focus, QLineEdit:focus, QSpinBox:focus, QComboBox:focus { border: 1px solid @accent@; }
QPushButton[primary="true"] { background: @accent@; color: @onaccent@; border-color: @accent@; }
QPushButton[primary="true"]:hover { background: @accenthover@; }
QPushButton[primary="true"]:focus { border: 2px solid @text@; padding: 5px 13px; }
QPushButton[primary="true"]:disabled { background: @disabled@; border-color: @disabled@; color: @quiet@; }
QPushButton[flat-link="true"] { background: transparent; border-color: transparent; color: @accent@; padding: 4px 8px; }
QPushButton[flat-link="true"]:hover { background: @hover@; }
QPushButton[flat-link="true"]:focus { border-color: @accent@; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 5px; }
QToolButton:hover { background: @hover@; }
QToolButton:focus { border-color: @accent@; }
QToolButton::menu-indicator { image: none; }
QLineEdit, QSpinBox, QComboBox { background: @base@; color: @text@; border: 1px solid @line@; border-radius: 6px; padding: 5px 8px;
  selection-background-color: @accent@; selection-color: @onaccent@; }
QLineEdit:read-only { background: @alternate@; border-color: transparent; }
QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled { color: @quiet@; background: @window@; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: none; }
QComboBox::drop-down { border: none; width: 26px; }
QComboBox::down-arrow { image: url(:/icons/chevron.png); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: @base@; color: @text@; border: 1px solid @line@; selection-background-color: @accent@;
  selection-color: @onaccent@; }
QFrame[card="true"] { background: @base@; border: 1px solid @line@; border-radius: 10px; }
QListView, QTreeView { background: @base@; border: 1px solid @line@; border-radius: 10px; outline: none; }
QListView[plain="true"] { background: transparent; border: none; }
QCheckBox { spacing: 8px; }
QCheckBox::indicator, QListView::indicator { width: 14px; height: 14px; border: 1px solid @edge@; border-radius: 4px; background: @base@; }
QCheckBox::indicator:focus { border: 2px solid @accent@; width: 12px; height: 12px; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: @accent@; border-color: @accent@; image: url(@check@); }
QCheckBox::indicator:checked:focus { border-color: @text@; }
QTreeView { padding: 4px; }
QTreeView::item { padding: 5px 6px; border: none; background: transparent; }
QTreeView::item:selected, QListWidget::item:selected { background: @selection@; color: @text@; }
QHeaderView::section { background: @base@; color: @quiet@; border: none; border-bottom: 1px solid @line@; padding: 6px; }
QTabBar::tab { background: transparent; color: @quiet@; padding: 9px 4px; margin-right: 20px; border: none;
  border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text@; border-bottom: 2px solid @accent@; }
QTabBar::tab:focus { color: @accent@; }
QTabWidget::pane { border: none; }
QSplitter::handle { background: transparent; image: none; }
QScrollArea { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar::handle:vertical { background: @edge@; border-radius: 3px; min-height: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle:horizontal { background: @edge@; border-radius: 3px; min-width: 28px; }
QProgressBar { background: @disabled@; border: none; border-radius: 3px; max-height: 6px; }
QProgressBar::chunk { background: @accent@; border-radius: 3px; }
QMenu { background: @base@; color: @text@; border: 1px solid @line@; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 14px; border-radius: 4px; }
QMenu::item:selected { background: @selection@; }
QMenu::item:disabled { color: @quiet@; }
QMenu::separator { height: 1px; background: @line@; margin: 4px 8px; }
QToolTip { background: @tooltip@; color: @text@; border: 1px solid @line@; padding: 4px 6px; }
)");
    const Tones tones = Tones::of(palette);
    const QColor ink = palette.color(QPalette::WindowText);
    const QColor window = palette.color(QPalette::Window);
    const std::pair<const char*, QColor> colors[] = {
        {"@button@", palette.color(QPalette::Button)},
        {"@text@", ink},
        {"@window@", window},
        {"@base@", palette.color(QPalette::Base)},
        {"@alternate@", palette.color(QPalette::AlternateBase)},
        {"@tooltip@", palette.color(QPalette::ToolTipBase)},
        {"@quiet@", tones.quiet_text},
        {"@line@", tones.line},
        {"@edge@", mixed(ink, window, 0.35)},
        {"@pressed@", mixed(ink, palette.color(QPalette::Button), 0.10)},
        {"@hover@", mixed(ink, window, 0.07)},
        {"@disabled@", mixed(ink, window, 0.12)},
        {"@accent@", tones.accent},
        {"@accenthover@", mixed(ink, tones.accent, 0.12)},
        {"@onaccent@", tones.on_accent},
        {"@selection@", tones.selection},
    };
    text.replace(QLatin1String("@check@"), tones.on_accent.lightness() > 128
                                               ? QLatin1String(":/icons/check-white.png")
                                               : QLatin1String(":/icons/check-black.png"));
    for (const auto& [name, color] : colors) {
        text.replace(QLatin1String(name), color.name());
    }
    return text;
}

}  // namespace

Tones Tones::of(const QPalette& palette) {
    const QColor window = palette.color(QPalette::Window);
    const QColor base = palette.color(QPalette::Base);
    const QColor ink = palette.color(QPalette::WindowText);
    const bool is_dark = window.lightness() < 128;
    Tones tones;
    tones.accent = palette.color(QPalette::Active, QPalette::Highlight);
    tones.on_accent = palette.color(QPalette::Active, QPalette::HighlightedText);
    tones.quiet_text = mixed(ink, window, 0.68);
    tones.line = mixed(ink, window, is_dark ? 0.16 : 0.14);
    tones.good = QColor(is_dark ? "#3fbf8f" : "#12805c");
    tones.warning = QColor(is_dark ? "#e8b04a" : "#9a6200");
    tones.danger = QColor(is_dark ? "#ff8177" : "#b3261e");
    tones.warning_ground = mixed(tones.warning, base, is_dark ? 0.14 : 0.10);
    tones.danger_ground = mixed(tones.danger, base, is_dark ? 0.14 : 0.07);
    tones.selection = mixed(tones.accent, base, is_dark ? 0.22 : 0.12);
    return tones;
}

Appearance::Appearance(QObject* parent) : QObject(parent) {}

void Appearance::use(Theme theme, bool system_is_dark) {
    theme_ = theme;
    system_is_dark_ = system_is_dark;
    apply();
}

void Appearance::apply() {
    // The style is asked once, because a style sheet puts itself in front of it.
    static const bool is_plain = QApplication::style()->name() == QLatin1String("fusion");
    if (!is_plain) {
        return;  // A desktop's own style stays as it is.
    }
    const bool is_dark = theme_ == Theme::dark || (theme_ == Theme::follow_system && system_is_dark_);
    const QString wanted = is_dark ? QStringLiteral("dark") : QStringLiteral("light");
    if (wanted == applied_) {
        return;
    }
    applied_ = wanted;
    const QPalette palette = palette_of(is_dark ? kDark : kLight);
    QApplication::setPalette(palette);
    qApp->setStyleSheet(style_sheet(palette));
}

void Appearance::follow_desktop() {
    connect(&scheme_, &ColorScheme::told, this, &Appearance::set_system);
    scheme_.follow();
}

void Appearance::set_system(bool is_dark) {
    if (is_dark != system_is_dark_) {
        system_is_dark_ = is_dark;
        apply();
        emit system_changed(is_dark);
    }
}

void scale_font(QWidget* widget, double factor, bool bold) {
    QFont font = QApplication::font();
    if (font.pointSizeF() > 0) {
        font.setPointSizeF(font.pointSizeF() * factor);
    } else {
        font.setPixelSize(static_cast<int>(font.pixelSize() * factor));
    }
    if (bold) {
        font.setWeight(QFont::DemiBold);
    }
    widget->setFont(font);
}

void make_quiet(QWidget* widget) {
    widget->setForegroundRole(QPalette::PlaceholderText);
}

void show_checked(QAbstractButton* button, bool is_checked) {
    const QSignalBlocker quiet(button);
    button->setChecked(is_checked);
}

}  // namespace postern::tray
