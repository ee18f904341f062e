// The tray's window as a whole: without an agent, its settings, and that everything in it can be reached and
// read.
#include <QAccessible>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QListWidget>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTabBar>
#include <QTranslator>
#include <QTreeWidget>

#include "desktop-tray/platform/autostart.hpp"
#include "desktop-tray/settings_dialog.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;
using Page = MainWindow::PageKind;

TEST_F(WindowTest, SaysThatTheAgentIsGoneAndComesBack) {
    open();
    agent_.stop();
    ASSERT_TRUE(soon([&] { return shows("Postern's agent does not run."); }));
    EXPECT_EQ(window().page(), Page::message);
    agent_.start();
    QTest::mouseClick(button("Try again"), Qt::LeftButton);
    EXPECT_TRUE(soon([&] { return window().page() == Page::services; }));
}

TEST_F(WindowTest, SaysWhenNoServiceIsOpenToThisPerson) {
    agent_.state["services"] = QJsonArray();
    open();
    EXPECT_TRUE(shows("No service is open to you yet."));
}

TEST_F(WindowTest, SaysThatTheGatewaysAreAskedAndWhyTheyDoNotAnswer) {
    agent_.state["services"] = QJsonArray();
    agent_.state["services_known"] = false;
    open();
    EXPECT_TRUE(shows("Asking the gateways which services are open to you …"));
    QJsonObject told{{"services", QJsonArray()}, {"services_known", false}};
    told["services_error"] = QJsonObject{{"reason", "unreachable"}, {"message", "no gateway answers"}};
    agent_.notify("services", told);
    EXPECT_TRUE(soon([&] { return shows("The gateway cannot be reached."); }));
    EXPECT_FALSE(shows("No service is open to you yet."));
    agent_.notify("services", QJsonObject{{"services", QJsonArray()}, {"services_known", true}});
    EXPECT_TRUE(soon([&] { return shows("No service is open to you yet."); }));
}

TEST_F(WindowTest, SettingsKeepTheServicesThatNoGatewayHasToldOfYet) {
    agent_.state["services"] = QJsonArray{scripted_service("queue", "disconnected", 6000)};
    agent_.state["services_known"] = false;
    open();
    agent_.answer("settings.set", agent_.state["settings"].toObject());
    Preferences preferences;
    SettingsDialog dialog(&program_->client(), &preferences);
    dialog.findChild<QListWidget*>()->item(0)->setCheckState(Qt::Checked);
    ASSERT_TRUE(soon([&] { return agent_.count("settings.set") == 1; }));
    EXPECT_EQ(agent_.last("settings.set")["connect_at_start"].toArray(), (QJsonArray{"orders-db", "queue"}));
}

TEST_F(WindowTest, SettingsTakeEffectAtOnce) {
    open();
    agent_.answer_by("settings.set", [&](const QJsonObject& change) {
        QJsonObject settings = agent_.state["settings"].toObject();
        for (const QString& key : change.keys()) {
            settings[key] = change[key];
        }
        agent_.state["settings"] = settings;
        return settings;
    });
    Preferences preferences;
    SettingsDialog dialog(&program_->client(), &preferences);
    dialog.show();
    // As a screen reader does it.
    for (QCheckBox* box : dialog.findChildren<QCheckBox*>()) {
        QAccessible::queryAccessibleInterface(box)->actionInterface()->doAction(
            QAccessibleActionInterface::toggleAction());
    }
    ASSERT_TRUE(soon([&] { return !program_->client().state().settings().notifications; }));
    EXPECT_TRUE(starts_at_login());
    auto* const list = dialog.findChild<QListWidget*>();
    list->findItems("queue", Qt::MatchExactly).first()->setCheckState(Qt::Checked);
    ASSERT_TRUE(soon([&] {
        return program_->client().state().settings().connect_at_start == QStringList({"orders-db", "queue"});
    }));
    QSignalSpy chosen(&dialog, &SettingsDialog::theme_chosen);
    dialog.findChild<QComboBox*>()->setCurrentIndex(2);
    EXPECT_EQ(chosen.count(), 1);
    EXPECT_EQ(Preferences().theme(), Theme::dark);
    QTest::keyClick(&dialog, Qt::Key_Escape);
    EXPECT_FALSE(dialog.isVisible());
}

TEST_F(WindowTest, ThemeTurnsDarkAndLightAgainWhileItRuns) {
    open();
    emit window().theme_chosen(Theme::dark);
    EXPECT_LT(window().palette().color(QPalette::Window).lightness(), 80);
    emit window().theme_chosen(Theme::light);
    EXPECT_GT(window().palette().color(QPalette::Window).lightness(), 200);
}

// Everything that can be used by hand has a name for those who cannot see it.
TEST_F(WindowTest, EveryControlHasAnAccessibleName) {
    open();
    const auto check = [&](QWidget* root) {
        for (QWidget* widget : root->findChildren<QWidget*>()) {
            const bool is_control = qobject_cast<QAbstractButton*>(widget) ||
                                    qobject_cast<QLineEdit*>(widget) || qobject_cast<QComboBox*>(widget) ||
                                    qobject_cast<QAbstractSpinBox*>(widget) ||
                                    qobject_cast<QListView*>(widget) || qobject_cast<QTreeWidget*>(widget);
            const bool is_inner = widget->objectName().startsWith("qt_") ||
                                  qobject_cast<QAbstractSpinBox*>(widget->parentWidget()) != nullptr ||
                                  qobject_cast<QLineEdit*>(widget->parentWidget()) != nullptr ||
                                  widget->inherits("QComboBoxListView") || widget->inherits("QTabBar") ||
                                  qobject_cast<QTabBar*>(widget->parentWidget()) != nullptr;
            if (!is_control || is_inner || widget->isHidden()) {
                continue;
            }
            QAccessibleInterface* const accessible = QAccessible::queryAccessibleInterface(widget);
            ASSERT_NE(accessible, nullptr);
            EXPECT_FALSE(accessible->text(QAccessible::Name).isEmpty())
                << widget->metaObject()->className() << " " << qPrintable(widget->objectName()) << " in "
                << widget->parentWidget()->metaObject()->className();
        }
    };
    check(&window());
    Preferences preferences;
    SettingsDialog dialog(&program_->client(), &preferences);
    check(&dialog);
}

TEST_F(WindowTest, TabReachesEveryControlOfThePage) {
    open();
    window().choose("orders-db");
    window().activateWindow();
    ASSERT_TRUE(soon([&] { return window().isActiveWindow(); }));
    auto* const list = find<QListView>("services");
    list->setFocus();
    QSet<QWidget*> reached;
    for (int step = 0; step < 60; ++step) {
        reached.insert(QApplication::focusWidget());
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
    }
    EXPECT_TRUE(reached.contains(list));
    EXPECT_TRUE(reached.contains(find<QLineEdit>("filter")));
    EXPECT_TRUE(reached.contains(find<QSpinBox>()));
    EXPECT_TRUE(reached.contains(button("Disconnect")));
    EXPECT_TRUE(reached.contains(button("Open psql in a terminal")));
    EXPECT_TRUE(reached.contains(button<QCheckBox>("Connect when Postern starts")));
}

// Letters of twice the size, and the longer German words: what does not wrap is as wide as its text.
void expect_nothing_cut(QWidget& window) {
    for (QWidget* widget : window.findChildren<QWidget*>()) {
        const auto* const label = qobject_cast<QLabel*>(widget);
        const bool is_line = qobject_cast<QPushButton*>(widget) || qobject_cast<QCheckBox*>(widget) ||
                             (label != nullptr && !label->wordWrap() && !label->text().isEmpty());
        if (is_line && widget->isVisible()) {
            EXPECT_GE(widget->width() + 1, widget->sizeHint().width())
                << qPrintable(widget->property("text").toString());
            EXPECT_GE(widget->height() + 1, widget->sizeHint().height())
                << qPrintable(widget->property("text").toString());
        }
        if (label != nullptr && label->wordWrap() && label->isVisible() && !label->text().isEmpty()) {
            EXPECT_GE(label->height() + 1, label->heightForWidth(label->width()))
                << qPrintable(label->text());
        }
    }
}

class NothingIsCutTest : public WindowTest {
protected:
    void check_every_page() {
        open();
        for (const int tab : {0, 1, 2}) {
            window().services_page()->show_tab(tab);
            QTest::qWait(20);
            expect_nothing_cut(window());
        }
        window().show_sign_in();
        QTest::qWait(20);
        expect_nothing_cut(window());
    }
};

TEST_F(NothingIsCutTest, InEnglish) {
    check_every_page();
}

TEST_F(NothingIsCutTest, InGerman) {
    QTranslator german;
    ASSERT_TRUE(german.load(":/i18n/postern_de.qm"));
    QApplication::installTranslator(&german);
    check_every_page();
    program_.reset();
    QApplication::removeTranslator(&german);
}

TEST_F(NothingIsCutTest, AtTwiceTheLetterSize) {
    const QFont before = QApplication::font();
    QFont large = before;
    large.setPointSizeF(before.pointSizeF() * 2);
    QApplication::setFont(large);
    check_every_page();
    program_.reset();
    QApplication::setFont(before);
}

// Alt and a letter mean one thing on a page.
class KeysTest : public WindowTest {
protected:
    void check_services_page() {
        open();
        window().choose("stock-db");
        for (const int tab : {0, 1, 2}) {
            window().services_page()->show_tab(tab);
            QMap<QString, QString> owners;
            const auto take = [&](const QString& text) {
                const QString key = QKeySequence::mnemonic(text).toString();
                if (!key.isEmpty()) {
                    EXPECT_FALSE(owners.contains(key))
                        << qPrintable(text) << " and " << qPrintable(owners[key]);
                    owners[key] = text;
                }
            };
            for (const QWidget* widget : window().findChildren<QWidget*>()) {
                const auto* const label = qobject_cast<const QLabel*>(widget);
                if (widget->isVisible() && (qobject_cast<const QAbstractButton*>(widget) != nullptr ||
                                            (label != nullptr && label->buddy() != nullptr))) {
                    take(widget->property("text").toString());
                }
            }
            const auto* const tabs = find<QTabBar>();
            for (int at = 0; at < tabs->count(); ++at) {
                take(tabs->tabText(at));
            }
        }
    }
};

TEST_F(KeysTest, AreUniqueInEnglish) {
    check_services_page();
}

TEST_F(KeysTest, AreUniqueInGerman) {
    QTranslator german;
    ASSERT_TRUE(german.load(":/i18n/postern_de.qm"));
    QApplication::installTranslator(&german);
    check_services_page();
    program_.reset();
    QApplication::removeTranslator(&german);
}

TEST_F(WindowTest, SpeaksGerman) {
    QTranslator german;
    ASSERT_TRUE(german.load(":/i18n/postern_de.qm"));
    QApplication::installTranslator(&german);
    open();
    window().choose("orders-db");
    EXPECT_TRUE(shows("Verbunden auf localhost:5432"));
    EXPECT_TRUE(shows("2 offene Verbindungen"));
    EXPECT_NE(button("Trennen"), nullptr);
    program_.reset();
    QApplication::removeTranslator(&german);
}

}  // namespace
}  // namespace postern::test
