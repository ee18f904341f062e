// A line of text that somebody gives to another person or program, with the button that copies it.
#pragma once

#include <QWidget>

class QLineEdit;
class QToolButton;

namespace postern::tray {

class CopyLine : public QWidget {
    Q_OBJECT

public:
    CopyLine(const QString& what, QWidget* parent = nullptr);
    void set_text(const QString& text);
    QString text() const { return text_; }
    void copy();

private:
    void show_done(bool is_done);

    QLineEdit* line_;
    QToolButton* button_;
    QString what_;
    QString text_;
};

}  // namespace postern::tray
