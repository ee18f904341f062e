// The tray's page of services, of the certificate and of events, driven as a person would, against a scripted
// agent.
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMessageBox>
#include <QSpinBox>
#include <QToolButton>
#include <QTreeWidget>
#include <QWheelEvent>

#include "desktop-tray/copy_line.hpp"
#include "desktop-tray/services_page.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;
using Page = MainWindow::PageKind;

TEST_F(WindowTest, ShowsWhoIsSignedInAndWhatIsOpen) {
    open();
    EXPECT_EQ(window().page(), Page::services);
    EXPECT_TRUE(shows("alice"));
    EXPECT_TRUE(shows("Certificate valid for 47 min"));
    window().choose("orders-db");
    EXPECT_TRUE(shows("Connected on localhost:5432"));
    EXPECT_TRUE(shows("2 open connections · 48.2 MB received · 215.6 kB sent"));
}

TEST_F(WindowTest, ConnectsAndDisconnectsWithItsButton) {
    open();
    window().choose("stock-db");
    agent_.answer("connect", scripted_service("stock-db", "connected", 5500));
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("Connected on localhost:5500"); }));
    EXPECT_EQ(agent_.last("connect")["service"].toString(), "stock-db");
    agent_.answer("disconnect", scripted_service("stock-db", "disconnected", 5500));
    QTest::mouseClick(button("Disconnect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("Not connected"); }));
    EXPECT_EQ(agent_.last("disconnect")["service"].toString(), "stock-db");
}

TEST_F(WindowTest, TellsWhyConnectingWasRefusedAndForgetsItAtTheNextTry) {
    open();
    window().choose("stock-db");
    agent_.refuse("connect", "policy_denied", "No rule lets alice use stock-db.", "Ask.");
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("You may not use this service."); }));
    EXPECT_TRUE(shows("No rule lets alice use stock-db."));
    EXPECT_TRUE(shows("Ask your administrator for access"));
    agent_.answer("connect", scripted_service("stock-db", "connected", 5500));
    QTest::mouseClick(button("Connect"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("Connected on localhost:5500"); }));
    EXPECT_FALSE(shows("You may not use this service."));
}

TEST_F(WindowTest, SwitchInTheListWorksByKeyAndByPointer) {
    open();
    auto* const list = find<QListView>("services");
    window().choose("stock-db");
    list->setFocus();
    agent_.answer("connect", scripted_service("stock-db", "connecting", 5500));
    QTest::keyClick(list, Qt::Key_Space);
    ASSERT_TRUE(soon([&] { return agent_.count("connect") == 1; }));
    agent_.answer("disconnect", scripted_service("orders-db", "disconnected", 5432));
    const QRect row = list->visualRect(list->model()->index(0, 0));
    QTest::mouseClick(list->viewport(), Qt::LeftButton, {},
                      ServicePainter::switch_area(row, list->fontMetrics()).center());
    ASSERT_TRUE(soon([&] { return agent_.count("disconnect") == 1; }));
    EXPECT_EQ(agent_.last("disconnect")["service"].toString(), "orders-db");
    QTest::mouseClick(list->viewport(), Qt::LeftButton, {}, row.topLeft() + QPoint(20, 20));
    EXPECT_EQ(agent_.count("connect"), 1);
}

TEST_F(WindowTest, FavouritesComeFirstAndTheFilterFindsNamesAndDescriptions) {
    open();
    auto* const list = find<QListView>("services");
    EXPECT_EQ(list->model()->index(0, 0).data().toString(), "orders-db");
    auto* const filter = find<QLineEdit>("filter");
    QTest::keyClick(&window(), Qt::Key_F, Qt::ControlModifier);
    type_into(filter, "WAREHOUSE");
    ASSERT_EQ(list->model()->rowCount(), 1);
    EXPECT_EQ(list->model()->index(0, 0).data().toString(), "stock-db");
    type_into(filter, "zzz");
    EXPECT_EQ(list->model()->rowCount(), 0);
    EXPECT_TRUE(shows("Nothing matches “zzz”."));
    QTest::keyClick(filter, Qt::Key_Escape);
    EXPECT_EQ(list->model()->rowCount(), 5);
}

TEST_F(WindowTest, MarksFavouritesAndServicesToConnectAtStart) {
    open();
    window().choose("stock-db");
    agent_.answer_by("settings.set", [&](const QJsonObject& change) {
        QJsonObject settings = agent_.state["settings"].toObject();
        for (const QString& key : change.keys()) {
            settings[key] = change[key];
        }
        return settings;
    });
    for (QToolButton* candidate : window().findChildren<QToolButton*>()) {
        if (candidate->accessibleName() == "Add to favourites") {
            QTest::mouseClick(candidate, Qt::LeftButton);
        }
    }
    ASSERT_TRUE(soon([&] { return program_->client().state().service("stock-db")->is_favourite; }));
    EXPECT_EQ(agent_.last("settings.set")["favourites"].toArray(), (QJsonArray{"orders-db", "stock-db"}));
    button<QCheckBox>("Connect when Postern starts")->click();
    ASSERT_TRUE(soon([&] { return agent_.last("settings.set").contains("connect_at_start"); }));
    EXPECT_EQ(agent_.last("settings.set")["connect_at_start"].toArray(),
              (QJsonArray{"orders-db", "stock-db"}));
}

TEST_F(WindowTest, SetsThePortAndTakesARefusedOneBack) {
    open();
    window().choose("billing-db");
    auto* const port = find<QSpinBox>();
    EXPECT_EQ(port->value(), 5433);
    agent_.answer("port.set", scripted_service("billing-db", "disconnected", 6000));
    port->setFocus();
    port->selectAll();
    QTest::keyClicks(port, "6000");
    QTest::keyClick(port, Qt::Key_Return);
    ASSERT_TRUE(soon([&] { return program_->client().state().service("billing-db")->port == 6000; }));
    EXPECT_EQ(agent_.last("port.set")["port"].toInt(), 6000);
    agent_.refuse("port.set", "port_in_use", "Port 22 is used by sshd.");
    port->selectAll();
    QTest::keyClicks(port, "22");
    QTest::keyClick(port, Qt::Key_Tab);
    ASSERT_TRUE(soon([&] { return shows("Port 22 is used by sshd."); }));
    EXPECT_EQ(port->value(), 6000);
}

// Who turns the wheel to scroll does not mean the field that the pointer passes.
TEST_F(WindowTest, TheWheelChangesNoFieldThatItOnlyPasses) {
    open();
    window().choose("billing-db");
    QComboBox* mode = nullptr;
    for (QComboBox* box : window().findChildren<QComboBox*>()) {
        mode = box->isVisible() ? box : mode;
    }
    ASSERT_NE(mode, nullptr);
    const auto turn = [](QWidget* over) {
        QWheelEvent wheel(QPointF(5, 5), over->mapToGlobal(QPointF(5, 5)), {}, QPoint(0, -120), Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(over, &wheel);
    };
    auto* const port = find<QSpinBox>();
    find<QListView>("services")->setFocus();
    turn(port);
    turn(mode);
    EXPECT_EQ(port->value(), 5433);
    EXPECT_EQ(mode->currentIndex(), 0);
    EXPECT_FALSE(port->hasFocus());
    port->setFocus();
    turn(port);
    EXPECT_EQ(port->value(), 5432);
}

TEST_F(WindowTest, AHalfTypedPortIsPutBackWhenThePersonTurnsToAnotherWindow) {
    open();
    window().choose("billing-db");
    auto* const port = find<QSpinBox>();
    port->setFocus();
    port->selectAll();
    QTest::keyClicks(port, "60");
    QFocusEvent away(QEvent::FocusOut, Qt::ActiveWindowFocusReason);
    QApplication::sendEvent(port, &away);
    QTest::qWait(50);
    EXPECT_EQ(port->text(), "5433");
    EXPECT_EQ(agent_.count("port.set"), 0);
}

TEST_F(WindowTest, AsksBeforeAnotherPortEndsOpenConnections) {
    open();
    window().choose("orders-db");
    agent_.answer("port.set", scripted_service("orders-db", "connected", 6000));
    const auto type_port = [&] {
        auto* const port = find<QSpinBox>();
        port->setFocus();
        port->selectAll();
        QTest::keyClicks(port, "6000");
        QTest::keyClick(port, Qt::Key_Return);
    };
    type_port();
    QMessageBox* question = find<QMessageBox>();
    ASSERT_NE(question, nullptr);
    EXPECT_EQ(question->text(), "Move “orders-db” to port 6000?");
    EXPECT_EQ(question->informativeText(), "2 open connections end then.");
    QTest::keyClick(question, Qt::Key_Escape);
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() == nullptr; }));
    EXPECT_EQ(agent_.count("port.set"), 0);
    EXPECT_EQ(find<QSpinBox>()->value(), 5432);
    type_port();
    question = find<QMessageBox>();
    ASSERT_NE(question, nullptr);
    for (QAbstractButton* candidate : question->buttons()) {
        if (question->buttonRole(candidate) == QMessageBox::AcceptRole) {
            QTest::mouseClick(candidate, Qt::LeftButton);
        }
    }
    ASSERT_TRUE(soon([&] { return agent_.count("port.set") == 1; }));
    EXPECT_EQ(agent_.last("port.set")["port"].toInt(), 6000);
}

TEST_F(WindowTest, CopiesEachCommand) {
    open();
    window().choose("orders-db");
    QStringList copied;
    for (CopyLine* line : window().findChildren<CopyLine*>()) {
        if (line->isVisible()) {
            line->copy();
            copied.append(QApplication::clipboard()->text());
        }
    }
    EXPECT_EQ(copied, (QStringList{"psql -h localhost -p 5432 -U alice -d orders",
                                   "jdbc:postgresql://localhost:5432/orders?user=alice",
                                   "postgresql://alice@localhost:5432/orders",
                                   "PGHOST=localhost PGPORT=5432 PGUSER=alice PGDATABASE=orders"}));
}

TEST_F(WindowTest, AServiceThatIsNoLongerAllowedCannotBeConnected) {
    open();
    QJsonObject gone = scripted_service("stock-db", "disconnected", 5500);
    gone["allowed"] = false;
    put_service(gone);
    window().choose("stock-db");
    EXPECT_TRUE(shows("No longer allowed for you"));
    EXPECT_FALSE(button("Connect")->isEnabled());
}

TEST_F(WindowTest, ShowsTheErrorOfAService) {
    open();
    QJsonObject failed = scripted_service("stock-db", "error", 5500);
    failed["error"] = QJsonObject{{"reason", "unreachable"}, {"message", "gw1 does not answer."}};
    put_service(failed);
    window().choose("stock-db");
    EXPECT_TRUE(shows("The gateway cannot be reached."));
    EXPECT_TRUE(shows("gw1 does not answer."));
    put_service(scripted_service("stock-db", "connected", 5500));
    EXPECT_FALSE(shows("The gateway cannot be reached."));
}

TEST_F(WindowTest, ARefusalShowsTheIdOfTheConnectionToAskAbout) {
    open();
    QJsonObject failed = scripted_service("stock-db", "error", 5500);
    failed["error"] =
        QJsonObject{{"reason", "policy_denied"}, {"message", "No rule."}, {"connection_id", "01hq7v2f6c4d"}};
    put_service(failed);
    window().choose("stock-db");
    bool has_id = false;
    for (const CopyLine* line : window().findChildren<CopyLine*>()) {
        has_id = has_id || (line->isVisible() && line->text() == "01hq7v2f6c4d");
    }
    EXPECT_TRUE(has_id);
}

TEST_F(WindowTest, AnOpenPortIsNotCalledConnectedWhenTheCertificateIsNotValid) {
    open();
    window().choose("orders-db");
    QJsonObject revoked = scripted_login();
    revoked["state"] = "revoked";
    agent_.notify("login", revoked);
    EXPECT_TRUE(soon([&] { return shows("Port 5432 is open, certificate not valid"); }));
    EXPECT_FALSE(shows("Connected on localhost:5432"));
}

TEST_F(WindowTest, MarkupInNamesIsShownAsItIs) {
    QJsonObject odd = scripted_service("stock-db");
    odd["description"] = "<b>bold</b><img src=x>";
    agent_.state["services"] = QJsonArray{odd};
    open();
    EXPECT_TRUE(shows("<b>bold</b>"));
    for (const QLabel* label : window().findChildren<QLabel*>()) {
        if (label->text().contains('<')) {
            EXPECT_EQ(label->textFormat(), Qt::PlainText);
        }
    }
}

TEST_F(WindowTest, ShowsTheCertificateAndItsCountdown) {
    open();
    window().services_page()->show_tab(1);
    EXPECT_TRUE(shows("47 min left"));
    EXPECT_TRUE(shows("5f1c09e2ab7744d08e63b1f2906ad517"));
    EXPECT_TRUE(shows("Example Users Issuing CA"));
    EXPECT_TRUE(shows("analysts, on-call"));
    now_ = now_.addSecs(2820 - 30);
    window().services_page()->show_state();
    EXPECT_TRUE(shows("30 s left"));
    now_ = now_.addSecs(31);
    window().services_page()->show_state();
    EXPECT_TRUE(shows("Expired"));
}

TEST_F(WindowTest, ShowsEventsWithTheReasonAndTheConnectionId) {
    agent_.answer("events", {{"events", scripted_events()}});
    open();
    ASSERT_TRUE(soon([&] { return !program_->client().state().events().isEmpty(); }));
    window().services_page()->show_tab(2);
    auto* const events = find<QTreeWidget>();
    ASSERT_EQ(events->topLevelItemCount(), 6);
    events->setCurrentItem(events->topLevelItem(1));
    EXPECT_TRUE(shows("Refused: You may not use this service."));
    EXPECT_TRUE(shows("No rule lets alice use payroll-db."));
    bool has_id = false;
    for (const CopyLine* line : window().findChildren<CopyLine*>()) {
        has_id = has_id || (line->isVisible() && line->text() == "01hq7v2f6c4d");
    }
    EXPECT_TRUE(has_id);
    window().choose("orders-db");
    button<QCheckBox>("Only orders-db")->click();
    EXPECT_EQ(events->topLevelItemCount(), 4);
}

}  // namespace
}  // namespace postern::test
