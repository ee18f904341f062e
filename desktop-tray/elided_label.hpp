// A label that gives way: a text that is too long for its place is cut at its end, and the tooltip shows it
// whole. So a long name pushes nothing out of the window.
#pragma once

#include <QLabel>
#include <QStringList>

namespace postern::tray {

class ElidedLabel : public QLabel {
public:
    /// The label has `most_lines` lines at most.
    explicit ElidedLabel(int most_lines, QWidget* parent = nullptr);

    /// Returns what can be seen of the text at the present width.
    QStringList shown_lines() const { return lines_for(contentsRect().width()); }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    bool hasHeightForWidth() const override { return most_lines_ > 1; }
    int heightForWidth(int width) const override;

protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    QStringList lines_for(int width) const;

    const int most_lines_;
};

}  // namespace postern::tray
