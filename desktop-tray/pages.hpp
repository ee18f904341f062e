// The pages that fill the window while there is no list to show: a message, the first run, signing in. Each
// is one calm column in the middle.
#pragma once

#include <QWidget>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/notice_box.hpp"

class QCheckBox;
class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QMenu;
class QPushButton;
class QStackedWidget;
class QToolButton;
class QVBoxLayout;

namespace postern::tray {

/// A column of readable width in the middle of the page, under the program's icon.
class Page : public QWidget {
    Q_OBJECT

public:
    explicit Page(QWidget* parent = nullptr);
    /// Puts the window's menu at the upper right.
    void set_menu(QMenu* menu);

protected:
    QVBoxLayout* column() const { return column_; }
    QLabel* title() const { return title_; }
    QLabel* text() const { return text_; }

private:
    QVBoxLayout* column_;
    QLabel* title_;
    QLabel* text_;
    QToolButton* menu_button_;
};

/// Makes the button of the window's menu, without its menu.
QToolButton* make_menu_button(QWidget* parent);

/// Says that the agent is being started, or cannot be reached.
class MessagePage : public Page {
    Q_OBJECT

public:
    explicit MessagePage(QWidget* parent = nullptr);
    void show_waiting();
    void show_failure(const Trouble& why);

signals:
    void try_again();

private:
    QPushButton* again_;
};

/// The first run: asks which CA to use, and whether it is the right one.
class SetUpPage : public Page {
    Q_OBJECT

public:
    SetUpPage(AgentClient* client, QWidget* parent = nullptr);
    void start();
    /// Returns "ca.example.org:7444" as an https URL; empty if the text cannot be the address of a CA.
    static QString address_from(const QString& typed);

protected:
    void keyPressEvent(QKeyEvent* event) override;

private:
    QWidget* make_address_step();
    QWidget* make_compare_step();
    void inspect();
    void show_inspected(const InspectedCa& ca);
    void accept();
    /// Asks the agent, which can read fingerprints, whether the pasted one is the one that is shown.
    void compare();
    void judge();
    void set_busy(bool is_busy);

    enum class Comparison { nothing_pasted, asked, same, different, no_fingerprint };

    AgentClient* client_;
    QStackedWidget* steps_;
    QLineEdit* address_;
    QPushButton* go_on_;
    QLabel* who_;
    QLabel* fingerprint_;
    QLineEdit* expected_;
    QLabel* verdict_;
    QCheckBox* compared_;
    QPushButton* trust_;
    QPushButton* back_;
    NoticeBox* refusal_;
    InspectedCa inspected_;
    Comparison comparison_ = Comparison::nothing_pasted;
    bool is_busy_ = false;
};

/// The sign-in form, drawn from the methods that the CA offers.
class SignInPage : public Page {
    Q_OBJECT

public:
    SignInPage(AgentClient* client, QWidget* parent = nullptr);
    /// Asks the CA for its methods. `user` is filled in where a field wants the login name.
    void start(const QString& user, bool may_go_back);

signals:
    void signed_in(const QString& user);
    void go_back();

protected:
    void keyPressEvent(QKeyEvent* event) override;

private:
    void show_methods(const QList<LoginMethod>& methods);
    void draw_fields();
    void submit();
    void judge();
    void set_busy(bool is_busy);

    AgentClient* client_;
    QComboBox* methods_choice_;
    QWidget* fields_;
    QPushButton* submit_;
    QPushButton* back_;
    NoticeBox* refusal_;
    QList<LoginMethod> methods_;
    QList<QLineEdit*> edits_;
    QString user_;
    bool is_busy_ = false;
    bool has_methods_ = false;
};

}  // namespace postern::tray
