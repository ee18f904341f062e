// Light and dark, the colours that carry meaning, and the form of the controls where the desktop brings no
// style of its own (Qt's Fusion). A desktop's own style is left as it is.
#pragma once

#include <QColor>
#include <QObject>
#include <QPalette>

#include "desktop-tray/platform/color_scheme.hpp"

class QAbstractButton;
class QWidget;

namespace postern::tray {

enum class Theme { follow_system, light, dark };

/// Colours that are readable on the window and base colours of a palette.
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

    /// Repaints all windows. `system_is_dark` is what was last known of the desktop; follow_desktop() asks
    /// again.
    void use(Theme theme, bool system_is_dark);
    bool system_is_dark() const { return system_is_dark_; }
    /// Asks the desktop portal for its theme and follows its changes from now on. Never waits.
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

/// Sets the widget's font to `factor` times the size of the desktop's font: 1.3 for a title.
void scale_font(QWidget* widget, double factor, bool bold = false);
/// Draws the text as less important than its neighbour.
void make_quiet(QWidget* widget);
/// Shows a box or a button as ticked or not, without the signal toggled(). That signal means that a person
/// did it: screen readers toggle, and never click.
void show_checked(QAbstractButton* button, bool is_checked);

}  // namespace postern::tray
