// Light and dark, the colours that carry meaning, and the form of the controls where the desktop brings no
// style of its own (Qt's Fusion). Under a desktop's own style nothing is painted over.
#pragma once

#include <QColor>
#include <QObject>
#include <QPalette>

#include "desktop-tray/platform/color_scheme.hpp"

class QAbstractButton;
class QWidget;

namespace postern::tray {

enum class Theme { follow_system, light, dark };

/// Readable on the palette's window and base colours.
struct Tones {
    QColor accent;
    QColor on_accent;
    QColor quiet_text;
    QColor line;
    QColor good;
    QColor warning;
    QColor danger;
    QColor warning_ground;
    QColor danger_ground;
    QColor selection;

    static Tones of(const QPalette& palette);
};

class Appearance : public QObject {
    Q_OBJECT

public:
    explicit Appearance(QObject* parent = nullptr);

    /// Repaints all windows. `system_is_dark` is what was known last; the desktop is asked in the background.
    void use(Theme theme, bool system_is_dark);
    bool system_is_dark() const { return system_is_dark_; }
    /// Asks the desktop portal, and listens to it from now on. Never waits.
    void follow_desktop();

signals:
    void system_changed(bool is_dark);

private:
    void set_system(bool is_dark);
    void apply();

    Theme theme_ = Theme::follow_system;
    bool system_is_dark_ = false;
    QString applied_;
    ColorScheme scheme_;
};

/// A label's text size against the desktop's font: 1.3 for a title.
void scale_font(QWidget* widget, double factor, bool bold = false);
/// Text that is less important than its neighbour.
void make_quiet(QWidget* widget);
/// Shows a box or a button as ticked or not, without telling that somebody ticked it. What people do is told
/// by toggled(): screen readers toggle, and never click.
void show_checked(QAbstractButton* button, bool is_checked);

}  // namespace postern::tray
