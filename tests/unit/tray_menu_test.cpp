// The tray's menu, its notifications, and links that ask to connect, against a scripted agent.
#include <QClipboard>
#include <QMenu>
#include <QMessageBox>

#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;
using Page = MainWindow::PageKind;

TEST_F(WindowTest, TrayMenuConnectsDisconnectsAndCopies) {
    TrayProgram& program = open();
    QMenu* const menu = program.tray().menu();
    EXPECT_EQ(menu->actions().first()->text(), "alice · 47 min left");
    QAction* const orders = menu_action(menu, "orders-db · localhost:5432");
    ASSERT_NE(orders, nullptr);
    EXPECT_NE(menu_action(orders->menu(), "Port 5432"), nullptr);
    menu_action(orders->menu(), "Copy psql command")->trigger();
    EXPECT_EQ(QApplication::clipboard()->text(), "psql -h localhost -p 5432 -U alice -d orders");
    agent_.answer("disconnect", scripted_service("orders-db", "disconnected", 5432));
    menu_action(orders->menu(), "Disconnect")->trigger();
    ASSERT_TRUE(soon([&] { return menu_action(menu, "orders-db") != nullptr; }));
    agent_.answer("connect", scripted_service("orders-db", "connected", 5432));
    menu_action(menu_action(menu, "orders-db")->menu(), "Connect")->trigger();
    EXPECT_TRUE(soon([&] { return menu_action(menu, "orders-db · localhost:5432") != nullptr; }));
}

TEST_F(WindowTest, TrayMenuOffersSignInOrSignOut) {
    TrayProgram& program = open();
    QMenu* const menu = program.tray().menu();
    EXPECT_EQ(menu_action(menu, "Sign in …"), nullptr);
    agent_.answer("logout", {});
    menu_action(menu, "Sign out")->trigger();
    ASSERT_TRUE(soon([&] { return agent_.count("logout") == 1; }));
    agent_.notify("login", QJsonValue());
    ASSERT_TRUE(soon([&] { return menu_action(menu, "Sign in …") != nullptr; }));
    EXPECT_EQ(menu_action(menu, "Sign out"), nullptr);
    EXPECT_EQ(menu_action(menu, "orders-db · localhost:5432"), nullptr);
    EXPECT_EQ(window().page(), Page::sign_in);
}

TEST_F(WindowTest, TrayMenuOfManyServicesStaysShort) {
    QJsonArray many;
    for (int count = 0; count < 300; ++count) {
        many.append(scripted_service("service-" + QString::number(count)));
    }
    agent_.state["services"] = many;
    TrayProgram& program = open();
    EXPECT_NE(menu_action(program.tray().menu(), "288 more in the window …"), nullptr);
    EXPECT_LT(program.tray().menu()->actions().size(), 22);
}

TEST_F(WindowTest, TrayMenuStaysOpenWhileOnlyTheTimeThatIsLeftChanges) {
    TrayProgram& program = open();
    QMenu* const menu = program.tray().menu();
    const QPointer<QMenu> orders = menu_action(menu, "orders-db · localhost:5432")->menu();
    const QPointer<QAction> quit = menu_action(menu, "Quit (connections stay open)");
    now_ = now_.addSecs(60);
    program.tray().show_state();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    EXPECT_EQ(menu->actions().first()->text(), "alice · 46 min left");
    EXPECT_NE(orders, nullptr);
    EXPECT_NE(quit, nullptr);
}

TEST_F(WindowTest, TrayMenuThatIsBuiltAnewLeavesNothingOfTheOldOne) {
    TrayProgram& program = open();
    QMenu* const menu = program.tray().menu();
    for (const int port : {5500, 5501, 5502}) {
        put_service(scripted_service("stock-db", "connected", port));
    }
    EXPECT_NE(menu_action(menu, "stock-db · localhost:5502"), nullptr);
    EXPECT_TRUE(soon([&] { return menu->findChildren<QMenu*>().size() == 5; }))
        << menu->findChildren<QMenu*>().size();
}

TEST_F(WindowTest, ALinkAsksAndOnlyAPersonConnects) {
    TrayProgram& program = open();
    agent_.answer("connect", scripted_service("stock-db", "connected", 5500));
    program.fulfil("postern://connect/stock-db");
    QMessageBox* question = find<QMessageBox>();
    ASSERT_NE(question, nullptr);
    EXPECT_EQ(question->text(), "Connect to “stock-db”?");
    QTest::keyClick(question, Qt::Key_Escape);
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() == nullptr; }));
    EXPECT_EQ(agent_.count("connect"), 0);
    program.fulfil("postern://connect/stock-db");
    question = find<QMessageBox>();
    ASSERT_NE(question, nullptr);
    for (QAbstractButton* candidate : question->buttons()) {
        if (question->buttonRole(candidate) == QMessageBox::AcceptRole) {
            QTest::mouseClick(candidate, Qt::LeftButton);
        }
    }
    ASSERT_TRUE(soon([&] { return agent_.count("connect") >= 1; }));
    EXPECT_EQ(agent_.last("connect")["service"].toString(), "stock-db");
}

TEST_F(WindowTest, LinksByTheDozenAskOneQuestionAtATimeAndAreBounded) {
    QJsonArray services = agent_.state["services"].toArray();
    for (int count = 0; count < 60; ++count) {
        services.append(scripted_service("service-" + QString::number(count)));
    }
    agent_.state["services"] = services;
    TrayProgram& program = open();
    const auto questions = [&] {
        QStringList texts;
        for (const QMessageBox* box : window().findChildren<QMessageBox*>()) {
            if (box->isVisible()) {
                texts.append(box->text());
            }
        }
        return texts;
    };
    for (int count = 0; count < 60; ++count) {
        program.fulfil("postern://connect/stock-db");
    }
    EXPECT_EQ(questions(), QStringList{"Connect to “stock-db”?"});
    QTest::keyClick(find<QMessageBox>(), Qt::Key_Escape);
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() == nullptr; })) << "the same link is asked once";
    for (int count = 0; count < 60; ++count) {
        program.fulfil("postern://connect/service-" + QString::number(count));
    }
    for (int count = 0; count < 4; ++count) {
        const QString expected = "Connect to “service-" + QString::number(count) + "”?";
        ASSERT_TRUE(soon([&] { return questions() == QStringList{expected}; })) << count;
        for (QMessageBox* box : window().findChildren<QMessageBox*>()) {
            if (box->isVisible()) {
                QTest::keyClick(box, Qt::Key_Escape);
            }
        }
    }
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() == nullptr; })) << "the rest is dropped";
    EXPECT_EQ(agent_.count("connect"), 0);
}

TEST_F(WindowTest, ALinkToAnUnknownServiceConnectsNothing) {
    TrayProgram& program = open();
    program.fulfil("postern://connect/payroll-db");
    QMessageBox* const message = find<QMessageBox>();
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->text(), "There is no service “payroll-db” for you.");
    QTest::keyClick(message, Qt::Key_Escape);
    EXPECT_EQ(agent_.count("connect"), 0);
}

TEST_F(WindowTest, ALinkWaitsUntilAGatewayHasToldWhatThereIs) {
    const QJsonArray services{scripted_service("stock-db")};
    agent_.state["services"] = QJsonArray();
    agent_.state["services_known"] = false;
    TrayProgram& program = open();
    program.fulfil("postern://connect/stock-db");
    EXPECT_EQ(find<QMessageBox>(), nullptr);
    agent_.notify("services", QJsonObject{{"services", services}, {"services_known", true}});
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() != nullptr; }));
    EXPECT_EQ(find<QMessageBox>()->text(), "Connect to “stock-db”?");
}

TEST_F(WindowTest, ALinkDoesNotWaitForEverAndDoesNotSayThatThereIsNoSuchService) {
    agent_.state["services"] = QJsonArray();
    agent_.state["services_known"] = false;
    link_timeout_ = std::chrono::milliseconds(50);
    TrayProgram& program = open();
    program.fulfil("postern://connect/stock-db");
    ASSERT_TRUE(soon([&] { return find<QMessageBox>() != nullptr; }));
    EXPECT_EQ(find<QMessageBox>()->text(), "Whether there is a service “stock-db” for you is not known yet.");
}

TEST_F(WindowTest, TellsARefusalAndLeavesItWhenNotificationsAreOff) {
    TrayProgram& program = open();
    QStringList titles;
    QObject::connect(&program, &TrayProgram::noticed, &program,
                     [&](const Notice& n) { titles.append(n.title); });
    agent_.notify("event", QJsonObject{{"time", kScriptedNow},
                                       {"kind", "refused"},
                                       {"service", "payroll-db"},
                                       {"reason", "policy_denied"},
                                       {"connection_id", "01hq7v2f6c4d"}});
    ASSERT_TRUE(soon([&] { return !titles.isEmpty(); }));
    EXPECT_EQ(titles, QStringList{"payroll-db: access refused"});
}

}  // namespace
}  // namespace postern::test
