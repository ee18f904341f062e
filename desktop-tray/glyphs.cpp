#include "desktop-tray/glyphs.hpp"

#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPainterPath>
#include <cmath>

#include "desktop-tray/appearance.hpp"

namespace postern::tray {

namespace {

/// Returns a star on a grid of 16 by 16.
QPainterPath star_path() {
    QPolygonF corners;
    for (int corner = 0; corner < 10; ++corner) {
        const double angle = -M_PI / 2 + corner * M_PI / 5;
        const double radius = corner % 2 == 0 ? 6.6 : 2.9;
        corners << QPointF(8 + radius * std::cos(angle), 8.4 + radius * std::sin(angle));
    }
    QPainterPath path;
    path.addPolygon(corners);
    path.closeSubpath();
    return path;
}

class GlyphEngine : public QIconEngine {
public:
    explicit GlyphEngine(Glyph glyph) : glyph_(glyph) {}

    void paint(QPainter* painter, const QRect& area, QIcon::Mode mode, QIcon::State) override {
        const QPalette palette = QGuiApplication::palette();
        const Tones tones = Tones::of(palette);
        const QColor color = mode == QIcon::Disabled || glyph_ == Glyph::star ? tones.quiet_text
                             : glyph_ == Glyph::star_filled                   ? tones.accent
                                                            : palette.color(QPalette::WindowText);
        paint_glyph(*painter, glyph_, area, color);
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(), size), mode, state);
        return pixmap;
    }
    QIconEngine* clone() const override { return new GlyphEngine(glyph_); }

private:
    Glyph glyph_;
};

QPixmap tray_pixmap(const QImage& large, int size, Overview overview) {
    QImage image = large.scaled(size, size, Qt::KeepAspectRatio, Qt::SmoothTransformation);
    const bool is_grey = overview == Overview::no_agent || overview == Overview::not_set_up ||
                         overview == Overview::signed_out;
    if (is_grey) {
        image = image.convertToFormat(QImage::Format_ARGB32);
        for (int y = 0; y < image.height(); ++y) {
            for (int x = 0; x < image.width(); ++x) {
                const QColor color = image.pixelColor(x, y);
                const int grey = qGray(color.rgb());
                image.setPixelColor(x, y, QColor(grey, grey, grey, color.alpha()));
            }
        }
    }
    QPixmap pixmap = QPixmap::fromImage(image);
    if (overview != Overview::connected && overview != Overview::needs_attention) {
        return pixmap;
    }
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    const double side = size * 0.46;
    const QRectF badge(size - side, size - side, side, side);
    painter.setCompositionMode(QPainter::CompositionMode_Clear);
    painter.setBrush(Qt::black);
    painter.setPen(Qt::NoPen);
    painter.drawEllipse(badge.adjusted(-size * 0.06, -size * 0.06, size * 0.06, size * 0.06));
    painter.setCompositionMode(QPainter::CompositionMode_SourceOver);
    painter.setBrush(QColor(overview == Overview::connected ? "#35c98f" : "#f0a020"));
    painter.drawEllipse(badge);
    if (overview == Overview::needs_attention) {
        painter.setPen(QPen(QColor("#3a2500"), size * 0.075, Qt::SolidLine, Qt::RoundCap));
        const QPointF middle = badge.center();
        painter.drawLine(middle - QPointF(0, side * 0.25), middle + QPointF(0, side * 0.04));
        painter.drawPoint(middle + QPointF(0, side * 0.27));
    }
    return pixmap;
}

}  // namespace

QIcon glyph_icon(Glyph glyph) {
    return QIcon(new GlyphEngine(glyph));
}

void paint_glyph(QPainter& painter, Glyph glyph, const QRectF& area, const QColor& color) {
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    const double side = std::min(area.width(), area.height());
    painter.translate(area.center() - QPointF(side / 2, side / 2));
    painter.scale(side / 16, side / 16);
    painter.setPen(QPen(color, 1.3, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.setBrush(Qt::NoBrush);
    switch (glyph) {
        case Glyph::star_filled:
            painter.setBrush(color);
            [[fallthrough]];
        case Glyph::star:
            painter.drawPath(star_path());
            break;
        case Glyph::menu:
            for (const double y : {4.0, 8.0, 12.0}) {
                painter.drawLine(QPointF(2.5, y), QPointF(13.5, y));
            }
            break;
        case Glyph::copy:
            painter.drawRoundedRect(QRectF(5.5, 5.5, 8, 8), 1.5, 1.5);
            painter.drawPolyline(QPolygonF{{3.2, 10.3}, {2.5, 10.3}, {2.5, 2.5}, {10.3, 2.5}, {10.3, 3.2}});
            break;
        case Glyph::check:
            painter.drawPolyline(QPolygonF{{3, 8.5}, {6.5, 12}, {13, 4.5}});
            break;
        case Glyph::terminal:
            painter.drawRoundedRect(QRectF(1.5, 2.5, 13, 11), 1.5, 1.5);
            painter.drawPolyline(QPolygonF{{4, 6}, {6.5, 8.2}, {4, 10.4}});
            painter.drawLine(QPointF(8, 10.6), QPointF(11, 10.6));
            break;
        case Glyph::search:
            painter.drawEllipse(QPointF(7, 7), 4.2, 4.2);
            painter.drawLine(QPointF(10.2, 10.2), QPointF(13.6, 13.6));
            break;
    }
    painter.restore();
}

void paint_switch(QPainter& painter, const QRectF& area, ServiceState state, const QPalette& palette) {
    const Tones tones = Tones::of(palette);
    const bool is_on = state == ServiceState::connected || state == ServiceState::connecting;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    QColor track = tones.accent;
    if (state == ServiceState::connecting) {
        track.setAlphaF(0.55F);
    }
    const double radius = area.height() / 2;
    QColor off = tones.quiet_text;
    off.setAlphaF(0.75F);
    painter.setPen(is_on ? Qt::NoPen : QPen(off, 1.2));
    painter.setBrush(is_on ? track : QColor(Qt::transparent));
    painter.drawRoundedRect(area, radius, radius);
    const double knob = area.height() - 6;
    const double x = state == ServiceState::connecting ? area.center().x() - knob / 2
                     : is_on                           ? area.right() - knob - 3
                                                       : area.left() + 3;
    painter.setPen(Qt::NoPen);
    painter.setBrush(is_on ? tones.on_accent : off);
    painter.drawEllipse(QRectF(x, area.top() + 3, knob, knob));
    painter.restore();
}

QIcon program_icon() {
    QIcon icon;
    for (const int size : {16, 32, 48, 128}) {
        icon.addFile(QStringLiteral(":/icons/postern-%1.png").arg(size));
    }
    return icon;
}

QIcon tray_icon(Overview overview) {
    const QImage large(QStringLiteral(":/icons/postern-128.png"));
    QIcon icon;
    for (const int size : {22, 44, 64}) {
        icon.addPixmap(tray_pixmap(large, size, overview));
    }
    return icon;
}

}  // namespace postern::tray
