// A framed message inside the window: what happened, why, what to do next, the id of the connection to ask
// about, and at most one button.
#pragma once

#include <QFrame>

#include "desktop-tray/agent_state.hpp"

class QLabel;
class QPushButton;

namespace postern::tray {

class CopyLine;

class NoticeBox : public QFrame {
    Q_OBJECT

public:
    enum class Tone { warning, danger };

    explicit NoticeBox(Tone tone, QWidget* parent = nullptr);
    /// Shows the trouble; hides the box when the trouble is empty.
    void show_trouble(const Trouble& trouble);
    void clear() { show_trouble({}); }
    void set_button(const QString& text);
    QString text() const;

signals:
    void clicked();

protected:
    void changeEvent(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    Tone tone_;
    QLabel* headline_;
    QLabel* detail_;
    QLabel* next_step_;
    CopyLine* connection_id_;
    QPushButton* button_;
};

/// Makes a label for text that came from elsewhere: plain text, wrapped, selectable when `is_selectable`.
QLabel* plain_label(const QString& text = {}, QWidget* parent = nullptr, bool is_selectable = false);

}  // namespace postern::tray
