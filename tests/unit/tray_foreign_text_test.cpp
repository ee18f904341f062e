// What somebody else wrote, wherever the tray shows it: never markup, never a key's mark, never in the way.
#include <QComboBox>
#include <QHelpEvent>
#include <QMessageBox>
#include <QScrollArea>
#include <QScrollBar>
#include <QTabBar>
#include <QToolTip>
#include <QTranslator>

#include "base/shown_text.hpp"
#include "desktop-tray/elided_label.hpp"
#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/notice_box.hpp"
#include "desktop-tray/service_pane.hpp"
#include "desktop-tray/services_page.hpp"
#include "desktop-tray/wording.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;

const QString kMarkup = "<img src='/dev/zero'><b>a & b</b>";

TEST(ForeignText, IsOneLineInWhichNothingHides) {
    EXPECT_EQ(one_line("bd\u202egnp\nb", 400), "bd\\u202egnp\\nb");
    EXPECT_EQ(one_line("Bestellungen für <b>Zürich</b> & 注文", 400),
              "Bestellungen für <b>Zürich</b> & 注文");
    EXPECT_EQ(one_line(QString(1000, 'x'), 10), QString(10, 'x') + "…");
}

// Qt knows another Unicode than the list does: whatever Qt calls a control or a format is written out.
TEST(ForeignText, LeavesNoControlAndNoFormatThatQtKnows) {
    for (char32_t character = 0; character <= 0x10ffff; ++character) {
        const auto category = QChar::category(character);
        const bool is_bad = category == QChar::Other_Control || category == QChar::Other_Format ||
                            category == QChar::Separator_Line || category == QChar::Separator_Paragraph ||
                            category == QChar::Other_Surrogate;
        if (is_bad) {
            EXPECT_TRUE(postern::is_unshowable(character)) << std::hex << static_cast<unsigned>(character);
        } else if (QChar::isPrint(character) && category != QChar::Mark_NonSpacing &&
                   category != QChar::Letter_Other && category != QChar::Other_NotAssigned) {
            EXPECT_FALSE(postern::is_unshowable(character)) << std::hex << static_cast<unsigned>(character);
        }
    }
}

TEST(ForeignText, IsNoKeyAndNoMarkup) {
    EXPECT_EQ(without_keys("a&b"), "a&&b");
    EXPECT_FALSE(Qt::mightBeRichText(without_markup(kMarkup)));
    EXPECT_FALSE(without_markup(kMarkup + "&lt;").contains('&'));
}

// Every text that comes from elsewhere is markup.
QJsonObject hostile_state() {
    QJsonObject state = scripted_state();
    QJsonObject service = scripted_service("orders-db", "error", 5432);
    service["description"] = kMarkup;
    service["error"] =
        QJsonObject{{"reason", kMarkup}, {"message", kMarkup}, {"hint", kMarkup}, {"connection_id", kMarkup}};
    service["commands"] =
        QJsonObject{{"psql", kMarkup}, {"jdbc", kMarkup}, {"dsn", kMarkup}, {"env", kMarkup}};
    service["ports"] = QJsonArray{QJsonObject{{"port", 5432}}};
    QJsonObject other = scripted_service("stock-db");
    other["name"] = kMarkup;
    state["services"] = QJsonArray{service, other};
    QJsonObject login = scripted_login();
    for (const char* key : {"user", "issuer", "serial"}) {
        login[key] = kMarkup;
    }
    login["groups"] = QJsonArray{kMarkup};
    state["login"] = login;
    state["attention"] = QJsonObject{{"reason", "x"}, {"message", kMarkup}, {"hint", kMarkup}};
    return state;
}

void expect_plain(const char* where) {
    for (QWidget* widget : QApplication::allWidgets()) {
        const auto* const label = qobject_cast<QLabel*>(widget);
        if (label != nullptr && label->isVisible()) {
            EXPECT_EQ(label->textFormat(), Qt::PlainText) << where << ": " << qPrintable(label->text());
        }
    }
}

TEST_F(WindowTest, NoLabelGuessesWhetherItsTextIsMarkup) {
    agent_.state = hostile_state();
    TrayProgram& program = open();
    window().choose("orders-db");
    agent_.notify("event", QJsonObject{{"time", kScriptedNow},
                                       {"kind", "refused"},
                                       {"service", kMarkup},
                                       {"reason", kMarkup},
                                       {"message", kMarkup},
                                       {"hint", kMarkup}});
    ASSERT_TRUE(soon([&] { return shows(kMarkup); }));
    for (int tab = 0; tab < 3; ++tab) {
        window().services_page()->show_tab(tab);
        QTest::qWait(1);
        expect_plain("a tab");
    }
    program.fulfil("postern://connect/no-such-db");
    expect_plain("a question");
    EXPECT_EQ(window().findChildren<QMessageBox*>().size(), 1);
}

TEST_F(WindowTest, TheSmallerTextOfABoxIsPlainBeforeItIsThere) {
    QMessageBox box;
    set_informative_text(&box, kMarkup);
    int seen = 0;
    for (const QLabel* label : box.findChildren<QLabel*>()) {
        EXPECT_EQ(label->textFormat(), Qt::PlainText);
        seen += label->text() == kMarkup ? 1 : 0;
    }
    EXPECT_EQ(seen, 1);
}

TEST_F(WindowTest, NoTooltipGuessesWhetherItsTextIsMarkup) {
    open();
    for (const QString& text : {QStringLiteral("plain"), kMarkup, QStringLiteral("<qt>a</qt>")}) {
        QToolTip::showText(window().mapToGlobal(QPoint(5, 5)), text, &window());
        int tips = 0;
        for (QWidget* widget : QApplication::topLevelWidgets()) {
            const auto* const tip = qobject_cast<QLabel*>(widget);
            if (tip != nullptr && tip->inherits("QTipLabel")) {
                ++tips;
                EXPECT_EQ(tip->textFormat(), Qt::PlainText);
                EXPECT_EQ(tip->text(), text);
            }
        }
        EXPECT_EQ(tips, 1);
        QToolTip::hideText();
    }
}

TEST_F(WindowTest, AnAmpersandInAMenuIsOne) {
    QJsonObject state = scripted_state();
    QJsonObject service = scripted_service("stock-db");
    service["name"] = "a&b";
    state["services"] = QJsonArray{service};
    agent_.state = state;
    TrayProgram& program = open();
    bool has_entry = false;
    for (const QAction* action : program.tray().menu()->actions()) {
        has_entry = has_entry || action->text() == "a&&b";
    }
    EXPECT_TRUE(has_entry);
}

TEST_F(WindowTest, ALongNamePushesNothingOutOfThePane) {
    QJsonObject service = scripted_service(QString(63, 'W'), "connected", 5432);
    service["description"] = QString(400, 'M');
    agent_.state["services"] = QJsonArray{service};
    QJsonObject login = scripted_login();
    login["user"] = QString(63, 'W');
    agent_.state["login"] = login;
    open();
    window().resize(QSize(760, 560));
    window().choose(QString(63, 'W'));
    ASSERT_TRUE(soon(
        [&] { return find<QPushButton>("toggle") != nullptr && find<QPushButton>("toggle")->isVisible(); }));
    QTest::qWait(1);
    auto* const toggle = find<QPushButton>("toggle");
    QScrollArea* scroll = nullptr;
    for (QWidget* around = toggle->parentWidget(); around != nullptr && scroll == nullptr;
         around = around->parentWidget()) {
        scroll = qobject_cast<QScrollArea*>(around);
    }
    ASSERT_NE(scroll, nullptr);
    const QRect seen(scroll->viewport()->mapToGlobal(QPoint()), scroll->viewport()->size());
    EXPECT_TRUE(seen.contains(QRect(toggle->mapToGlobal(QPoint()), toggle->size())));
    EXPECT_EQ(scroll->horizontalScrollBar()->maximum(), 0);
    EXPECT_EQ(window().width(), 760);
    for (const char32_t letter : {U'W', U'M'}) {
        const QString whole(letter == U'W' ? 63 : 400, QChar(static_cast<char16_t>(letter)));
        bool is_cut = false;
        for (QLabel* label : window().findChildren<QLabel*>()) {
            if (auto* const elided = dynamic_cast<ElidedLabel*>(label);
                elided != nullptr && elided->isVisible() && elided->text() == whole) {
                is_cut = elided->shown_lines().last().endsWith(QChar(0x2026));
                QHelpEvent help(QEvent::ToolTip, QPoint(2, 2), elided->mapToGlobal(QPoint(2, 2)));
                QApplication::sendEvent(elided, &help);
                EXPECT_EQ(QToolTip::text(), whole);
                QToolTip::hideText();
            }
        }
        EXPECT_TRUE(is_cut) << static_cast<char>(letter);
    }
}

TEST_F(WindowTest, AShortNameHasNoTooltip) {
    ElidedLabel label(1);
    label.setText("orders-db");
    label.resize(label.sizeHint());
    EXPECT_EQ(label.shown_lines(), QStringList{"orders-db"});
    QHelpEvent help(QEvent::ToolTip, QPoint(2, 2), QPoint(2, 2));
    QApplication::sendEvent(&label, &help);
    EXPECT_EQ(QToolTip::text(), "");
}

TEST_F(WindowTest, WhatTheCaDoesNotListIsPassedThroughOnAPersonsWordAlone) {
    QJsonObject service = scripted_service("hidden");
    service["listed"] = false;
    service["modes"] = QJsonArray{"passthrough"};
    service["mode"] = "passthrough";
    agent_.state["services"] = QJsonArray{service};
    TrayProgram& program = open();
    window().choose("hidden");
    agent_.answer("connect", scripted_service("hidden", "connected", 5500));
    const auto press = [&](QMessageBox::ButtonRole role) {
        QMessageBox* const question = find<QMessageBox>();
        ASSERT_NE(question, nullptr);
        EXPECT_TRUE(question->text().contains("The CA does not list “hidden”."));
        for (QAbstractButton* candidate : question->buttons()) {
            if (question->buttonRole(candidate) == role) {
                QTest::mouseClick(candidate, Qt::LeftButton);
                break;
            }
        }
    };
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    press(QMessageBox::RejectRole);
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() == nullptr; }));
    EXPECT_EQ(agent_.count("connect"), 0);
    QAction* const entry = menu_action(program.tray().menu(), "hidden");
    ASSERT_NE(entry, nullptr);
    EXPECT_FALSE(menu_action(entry->menu(), "Connect")->isEnabled());
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    press(QMessageBox::AcceptRole);
    ASSERT_TRUE(soon([&] { return agent_.count("connect") == 1; }));
    EXPECT_EQ(agent_.last("connect")["mode"].toString(), "passthrough");
}

TEST_F(WindowTest, AModeThatNobodyChoseIsLeftToTheCa) {
    open();
    window().choose("stock-db");
    agent_.answer("connect", scripted_service("stock-db", "disconnected"));
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return agent_.count("connect") == 1; }));
    EXPECT_FALSE(agent_.last("connect").contains("mode"));
    for (QComboBox* box : window().findChildren<QComboBox*>()) {
        if (box->isVisible() && box->findData("passthrough") >= 0) {
            box->setCurrentIndex(box->findData("passthrough"));
        }
    }
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return agent_.count("connect") == 2; }));
    EXPECT_EQ(agent_.last("connect")["mode"].toString(), "passthrough");
}

TEST_F(WindowTest, AnEnglishSentenceOfTheAgentStandsInNoGermanBox) {
    QTranslator german;
    ASSERT_TRUE(german.load(QStringLiteral(":/i18n/postern_de.qm")));
    const Trouble taken{"port_in_use", "port 5432 is taken by postgres (pid 7)", "End it.", {}};
    const Trouble unknown{"something_new", "the moon is full", "Wait.", {}};
    NoticeBox english(NoticeBox::Tone::danger);
    english.show_trouble(taken);
    EXPECT_TRUE(english.text().contains("Port 5432") || english.text().contains("port 5432"));
    EXPECT_TRUE(english.toolTip().isEmpty());
    EXPECT_TRUE(Wording::headline(unknown).contains("moon", Qt::CaseInsensitive));
    QApplication::installTranslator(&german);
    NoticeBox box(NoticeBox::Tone::danger);
    box.show_trouble(taken);
    EXPECT_FALSE(box.text().contains("taken")) << qPrintable(box.text());
    EXPECT_TRUE(box.text().contains("Port")) << qPrintable(box.text());
    EXPECT_TRUE(box.toolTip().contains("is taken by postgres (pid 7)")) << qPrintable(box.toolTip());
    box.show_trouble(unknown);
    EXPECT_FALSE(box.text().contains("moon", Qt::CaseInsensitive)) << qPrintable(box.text());
    EXPECT_FALSE(box.text().contains("Wait")) << qPrintable(box.text());
    EXPECT_TRUE(box.text().contains("something_new"));
    box.show_trouble(own_trouble("address", "Das ist keine Adresse.", "So nicht."));
    EXPECT_TRUE(box.text().contains("Das ist keine Adresse.")) << "the window's own";
    QApplication::removeTranslator(&german);
}

}  // namespace
}  // namespace postern::test
