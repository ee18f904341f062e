// A label that gives way: of a text that is too long for its place it shows the beginning, and the whole in
// its tooltip. A long name pushes nothing out of the window.
#pragma once

#include <QLabel>
#include <QStringList>

namespace postern::tray {

class ElidedLabel : public QLabel {
public:
    /// At most so many lines.
    explicit ElidedLabel(int most_lines, QWidget* parent = nullptr);

    /// What is seen of the text at the present width.
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
