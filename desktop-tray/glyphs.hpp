// The small drawings of the window, as icons that take the colour of the text and stay sharp at any scale;
// and the tray's icon with its state.
#pragma once

#include <QIcon>

#include "desktop-tray/agent_state.hpp"

class QPainter;

namespace postern::tray {

enum class Glyph { star, star_filled, menu, copy, check, terminal, search };

QIcon glyph_icon(Glyph glyph);
void paint_glyph(QPainter& painter, Glyph glyph, const QRectF& area, const QColor& color);
/// Draws the switch of a service: off, on, or between the two while it connects.
void paint_switch(QPainter& painter, const QRectF& area, ServiceState state, const QPalette& palette);

QIcon program_icon();
QIcon tray_icon(Overview overview);

}  // namespace postern::tray
