// The list of services at the left of the window: its rows, the filter and order over them, and how a row is
// painted.
#pragma once

#include <QAbstractListModel>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>

#include "desktop-tray/agent_state.hpp"

namespace postern::tray {

class ServiceRows : public QAbstractListModel {
    Q_OBJECT

public:
    using QAbstractListModel::QAbstractListModel;
    static constexpr int kNameRole = Qt::UserRole;

    /// Keeps the rows (and so the selection) where the names are the same.
    void show(const QList<Service>& services, bool is_signed_in);
    bool is_signed_in() const { return is_signed_in_; }
    const Service* at(const QModelIndex& index) const;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;

private:
    QList<Service> services_;
    bool is_signed_in_ = true;
};

/// Sorts favourites first, then by name. The filter looks into names and descriptions.
class ServiceFilter : public QSortFilterProxyModel {
    Q_OBJECT

public:
    explicit ServiceFilter(ServiceRows* rows, QObject* parent = nullptr);
    void set_text(const QString& text);
    const Service* at(const QModelIndex& index) const;
    bool is_signed_in() const { return rows_->is_signed_in(); }

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    ServiceRows* rows_;
    QString text_;
};

class ServicePainter : public QStyledItemDelegate {
    Q_OBJECT

public:
    explicit ServicePainter(const ServiceFilter* filter, QObject* parent = nullptr);
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    /// Returns where the switch of a row is.
    static QRect switch_area(const QRect& row, const QFontMetrics& metrics);

signals:
    void switched(const QString& service);

protected:
    bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                     const QModelIndex& index) override;

private:
    const ServiceFilter* filter_;
};

}  // namespace postern::tray
