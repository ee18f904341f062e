#include "desktop-tray/service_list.hpp"

#include <QApplication>
#include <QMouseEvent>
#include <QPainter>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

QString second_line(const Service& service, bool is_signed_in) {
    if (service.state == ServiceState::connected && service.port > 0 && is_signed_in) {
        return service.connections > 0 ? QStringLiteral("localhost:%1 · %2")
                                             .arg(service.port)
                                             .arg(Wording::connections(service.connections))
                                       : QStringLiteral("localhost:%1").arg(service.port);
    }
    if (service.state == ServiceState::disconnected && service.is_allowed && !service.description.isEmpty()) {
        return service.description;
    }
    return Wording::state(service, is_signed_in);
}

QColor dot_color(const Service& service, bool is_signed_in, const Tones& tones) {
    switch (service.state) {
        case ServiceState::connected:
            return is_signed_in ? tones.good : tones.warning;
        case ServiceState::connecting:
            return tones.warning;
        case ServiceState::error:
            return tones.danger;
        case ServiceState::disconnected:
            break;
    }
    return {};
}

}  // namespace

void ServiceRows::show(const QList<Service>& services, bool is_signed_in) {
    const bool has_same_login = std::exchange(is_signed_in_, is_signed_in) == is_signed_in;
    bool has_same_names = services.size() == services_.size();
    for (qsizetype row = 0; has_same_names && row < services.size(); ++row) {
        has_same_names = services[row].name == services_[row].name;
    }
    if (!has_same_names) {
        beginResetModel();
        services_ = services;
        endResetModel();
        return;
    }
    for (qsizetype row = 0; row < services.size(); ++row) {
        if (services_[row] != services[row] || !has_same_login) {
            services_[row] = services[row];
            const QModelIndex changed = index(static_cast<int>(row));
            emit dataChanged(changed, changed);
        }
    }
}

const Service* ServiceRows::at(const QModelIndex& index) const {
    return index.isValid() && index.row() < services_.size() ? &services_[index.row()] : nullptr;
}

int ServiceRows::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(services_.size());
}

QVariant ServiceRows::data(const QModelIndex& index, int role) const {
    const Service* service = at(index);
    if (service == nullptr) {
        return {};
    }
    switch (role) {
        case Qt::DisplayRole:
        case kNameRole:
            return service->name;
        case Qt::AccessibleTextRole:
            return service->name + QLatin1String(", ") + Wording::state(*service, is_signed_in_);
        case Qt::AccessibleDescriptionRole:
            return service->description;
        case Qt::CheckStateRole:
            return {};
        default:
            return {};
    }
}

ServiceFilter::ServiceFilter(ServiceRows* rows, QObject* parent)
    : QSortFilterProxyModel(parent), rows_(rows) {
    setSourceModel(rows);
    setDynamicSortFilter(true);
    sort(0);
}

void ServiceFilter::set_text(const QString& text) {
    text_ = text.trimmed();
    invalidateFilter();
}

const Service* ServiceFilter::at(const QModelIndex& index) const {
    return rows_->at(mapToSource(index));
}

bool ServiceFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
    const Service* service = rows_->at(rows_->index(row, 0, parent));
    return service != nullptr && (text_.isEmpty() || service->name.contains(text_, Qt::CaseInsensitive) ||
                                  service->description.contains(text_, Qt::CaseInsensitive));
}

bool ServiceFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    const Service* a = rows_->at(left);
    const Service* b = rows_->at(right);
    if (a->is_favourite != b->is_favourite) {
        return a->is_favourite;
    }
    return QString::localeAwareCompare(a->name, b->name) < 0;
}

ServicePainter::ServicePainter(const ServiceFilter* filter, QObject* parent)
    : QStyledItemDelegate(parent), filter_(filter) {}

QRect ServicePainter::switch_area(const QRect& row, const QFontMetrics& metrics) {
    const int height = metrics.height() + 4;
    const int width = height * 7 / 4;
    return {row.right() - width - 14, row.center().y() - height / 2 + 1, width, height};
}

QSize ServicePainter::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const {
    return {option.fontMetrics.averageCharWidth() * 24, option.fontMetrics.height() * 2 + 26};
}

void ServicePainter::paint(QPainter* painter, const QStyleOptionViewItem& option,
                           const QModelIndex& index) const {
    const Service* service = filter_->at(index);
    if (service == nullptr) {
        return;
    }
    const Tones tones = Tones::of(option.palette);
    const bool is_selected = (option.state & QStyle::State_Selected) != 0;
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const QRectF ground = QRectF(option.rect).adjusted(5, 2, -5, -2);
    if (is_selected || (option.state & QStyle::State_MouseOver) != 0) {
        QColor fill = tones.selection;
        fill.setAlphaF(is_selected ? 1.0F : 0.45F);
        const bool has_focus = is_selected && (option.state & QStyle::State_HasFocus) != 0;
        painter->setPen(has_focus ? QPen(tones.accent, 1) : QPen(Qt::NoPen));
        painter->setBrush(fill);
        painter->drawRoundedRect(ground, 7, 7);
    }
    const QRect knob = switch_area(option.rect, option.fontMetrics);
    paint_switch(
        *painter, knob,
        service->state == ServiceState::error && service->is_on() ? ServiceState::connected : service->state,
        option.palette);

    const int left = option.rect.left() + 18;
    int right = knob.left() - 10;
    const int line = option.fontMetrics.height();
    const int top = option.rect.center().y() - line - 1;
    if (service->is_favourite) {
        paint_glyph(*painter, Glyph::star_filled,
                    QRectF(right - line, top, line, line).adjusted(1, 1, -1, -1), tones.accent);
    }
    QFont bold = option.font;
    bold.setWeight(QFont::DemiBold);
    painter->setFont(bold);
    painter->setPen(service->is_allowed ? option.palette.color(QPalette::Text) : tones.quiet_text);
    const int name_right = service->is_favourite ? right - line - 4 : right;
    painter->drawText(QRect(left, top, name_right - left, line), Qt::AlignVCenter | Qt::AlignLeft,
                      QFontMetrics(bold).elidedText(service->name, Qt::ElideRight, name_right - left));
    painter->setFont(option.font);
    int text_left = left;
    if (const QColor dot = dot_color(*service, filter_->is_signed_in(), tones); dot.isValid()) {
        const double side = line * 0.42;
        painter->setPen(Qt::NoPen);
        painter->setBrush(dot);
        painter->drawEllipse(QRectF(left, top + line + 3 + (line - side) / 2, side, side));
        text_left += static_cast<int>(side) + 7;
    }
    painter->setPen(service->state == ServiceState::error ? tones.danger : tones.quiet_text);
    painter->drawText(QRect(text_left, top + line + 3, right - text_left, line),
                      Qt::AlignVCenter | Qt::AlignLeft,
                      option.fontMetrics.elidedText(second_line(*service, filter_->is_signed_in()),
                                                    Qt::ElideRight, right - text_left));
    painter->restore();
}

bool ServicePainter::editorEvent(QEvent* event, QAbstractItemModel*, const QStyleOptionViewItem& option,
                                 const QModelIndex& index) {
    if (event->type() == QEvent::MouseButtonRelease) {
        const auto* const mouse = static_cast<QMouseEvent*>(event);
        const QRect area = switch_area(option.rect, option.fontMetrics).adjusted(-6, -6, 6, 6);
        if (mouse->button() == Qt::LeftButton && area.contains(mouse->position().toPoint())) {
            emit switched(index.data(ServiceRows::kNameRole).toString());
            return true;
        }
    }
    return false;
}

}  // namespace postern::tray
