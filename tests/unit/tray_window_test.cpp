// The tray's window, dialogs and menu in every state, driven as a person would, against a scripted agent.
#include <QAccessible>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QListWidget>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTabWidget>
#include <QToolButton>
#include <QTranslator>
#include <QTreeWidget>

#include "desktop-tray/copy_line.hpp"
#include "desktop-tray/notice_box.hpp"
#include "desktop-tray/pages.hpp"
#include "desktop-tray/service_pane.hpp"
#include "desktop-tray/services_page.hpp"
#include "desktop-tray/settings_dialog.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;
using Page = MainWindow::PageKind;

class WindowTest : public TrayTest {
protected:
    /// A visible button by its words, without the mark of its key.
    template <class Button = QPushButton>
    Button* button(const QString& text) {
        for (Button* candidate : window().findChildren<Button*>()) {
            if (candidate->isVisible() &&
                QString(candidate->text()).remove(QLatin1Char(38)).trimmed() == text) {
                return candidate;
            }
        }
        ADD_FAILURE() << "no button " << qPrintable(text);
        return nullptr;
    }

    bool shows(const QString& text) {
        for (const QLabel* label : window().findChildren<QLabel*>()) {
            if (label->isVisible() && label->text().contains(text)) {
                return true;
            }
        }
        return false;
    }

    QAction* menu_action(QMenu* menu, const QString& text) {
        for (QAction* action : menu->actions()) {
            if (QString(action->text()).remove('&') == text) {
                return action;
            }
        }
        return nullptr;
    }

    void type_into(QLineEdit* edit, const QString& text) {
        edit->clear();
        QTest::keyClicks(edit, text);
    }

    void put_service(const QJsonObject& service) {
        agent_.notify("service", service);
        const QString name = service["name"].toString();
        ASSERT_TRUE(soon([&] {
            const Service* known = program_->client().state().service(name);
            return known != nullptr && *known == service_from(service);
        }));
    }
};

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
    EXPECT_EQ(copied, (QStringList{"psql -h localhost -p 5432 -U alice",
                                   "jdbc:postgresql://localhost:5432/orders?user=alice",
                                   "host=localhost port=5432 user=alice sslmode=disable",
                                   "PGHOST=localhost\nPGPORT=5432\nPGUSER=alice"}));
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

TEST_F(WindowTest, ShowsTheSignInFormWhenAProgramWaitsForIt) {
    open();
    QJsonObject expired = scripted_login();
    expired["state"] = "expired";
    agent_.notify("login", expired);
    agent_.notify("attention", QJsonObject{{"attention", QJsonObject{{"reason", "login_expired"}}}});
    ASSERT_TRUE(soon([&] { return shows("Your login has ended."); }));
    EXPECT_EQ(window().page(), Page::services);
    window().hide();
    const QJsonObject waiting{{"reason", "login_expired"}, {"waiting", true}};
    agent_.notify("attention", QJsonObject{{"attention", waiting}});
    ASSERT_TRUE(soon([&] { return window().page() == Page::sign_in; }));
    EXPECT_TRUE(window().isVisible());
}

TEST_F(WindowTest, OffersToSignInAgainBeforeTheLoginEnds) {
    TrayProgram& program = open();
    EXPECT_EQ(menu_action(program.tray().menu(), "Sign in …"), nullptr);
    now_ = QDateTime::fromString("2026-11-23T19:25:00Z", Qt::ISODate);
    QJsonObject renewed = scripted_login();
    renewed["not_after"] = "2026-11-23T19:30:00Z";
    agent_.notify("login", renewed);
    ASSERT_TRUE(soon([&] { return shows("Your login ends soon."); }));
    EXPECT_NE(menu_action(program.tray().menu(), "Sign in …"), nullptr);
    QTest::mouseClick(button("Sign in again"), Qt::LeftButton);
    EXPECT_EQ(window().page(), Page::sign_in);
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

TEST_F(WindowTest, SignsInWithTheFormThatTheCaOffers) {
    agent_.state["login"] = QJsonValue();
    agent_.answer_by("login", [&](const QJsonObject&) {
        agent_.notify("login", scripted_login());
        return scripted_login();
    });
    open();
    ASSERT_EQ(window().page(), Page::sign_in);
    ASSERT_TRUE(soon([&] { return find<QLineEdit>("field-password") != nullptr; }));
    auto* const user = find<QLineEdit>("field-user");
    auto* const password = find<QLineEdit>("field-password");
    EXPECT_EQ(password->echoMode(), QLineEdit::Password);
    EXPECT_FALSE(button("Sign in")->isEnabled());
    QTest::keyClicks(user, "alice");
    EXPECT_FALSE(button("Sign in")->isEnabled());
    QTest::keyClicks(password, "correct horse");
    QTest::keyClick(password, Qt::Key_Return);
    ASSERT_TRUE(soon([&] { return window().page() == Page::services; }));
    EXPECT_EQ(agent_.last("login")["method"].toString(), "password");
    EXPECT_EQ(agent_.last("login")["fields"].toObject(),
              (QJsonObject{{"user", "alice"}, {"password", "correct horse"}}));
    EXPECT_TRUE(password->text().isEmpty());
    EXPECT_EQ(Preferences().last_user(), "alice");
}

TEST_F(WindowTest, TellsAWrongPasswordAndKeepsTheName) {
    agent_.state["login"] = QJsonValue();
    agent_.refuse("login", "bad_credentials", "wrong");
    open();
    ASSERT_TRUE(soon([&] { return find<QLineEdit>("field-password") != nullptr; }));
    QTest::keyClicks(find<QLineEdit>("field-user"), "alice");
    QTest::keyClicks(find<QLineEdit>("field-password"), "nope");
    QTest::mouseClick(button("Sign in"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("That name or password is not right."); }));
    EXPECT_EQ(find<QLineEdit>("field-user")->text(), "alice");
    EXPECT_TRUE(find<QLineEdit>("field-password")->text().isEmpty());
    EXPECT_EQ(window().page(), Page::sign_in);
}

TEST_F(WindowTest, OffersAChoiceOnlyWhereThereIsOne) {
    agent_.state["login"] = QJsonValue();
    const QJsonObject code{{"name", "code"}, {"label", "Code"}, {"kind", "code"}};
    QJsonArray methods = scripted_methods()["methods"].toArray();
    methods.append(QJsonObject{{"id", "otp"}, {"title", "One-time code"}, {"fields", QJsonArray{code}}});
    methods.append(QJsonObject{{"id", "sso"}, {"kind", "browser"}, {"title", "Single sign-on"}});
    agent_.answer("login.methods", {{"methods", methods}});
    open();
    ASSERT_TRUE(soon([&] { return find<QLineEdit>("field-password") != nullptr; }));
    QComboBox* choice = nullptr;
    for (QComboBox* box : window().findChildren<QComboBox*>()) {
        choice = box->isVisible() ? box : choice;
    }
    ASSERT_NE(choice, nullptr);
    EXPECT_EQ(choice->count(), 2);
    choice->setCurrentIndex(1);
    EXPECT_NE(find<QLineEdit>("field-code"), nullptr);
}

TEST_F(WindowTest, SaysWhenTheCaCannotBeAskedAndTriesAgain) {
    agent_.state["login"] = QJsonValue();
    agent_.refuse("login.methods", "ca_unreachable", "The CA does not answer.", "Check your network.");
    open();
    ASSERT_TRUE(soon([&] { return shows("The CA does not answer."); }));
    agent_.answer("login.methods", scripted_methods());
    QTest::mouseClick(button("Try again"), Qt::LeftButton);
    EXPECT_TRUE(soon([&] { return find<QLineEdit>("field-password") != nullptr; }));
}

TEST_F(WindowTest, AsksToSignInAgainWhenTheLoginIsRevokedAndEscapeGoesBack) {
    open();
    QJsonObject revoked = scripted_login();
    revoked["state"] = "revoked";
    agent_.notify("login", revoked);
    ASSERT_TRUE(soon([&] { return shows("Your certificate was revoked."); }));
    QTest::mouseClick(button("Sign in again"), Qt::LeftButton);
    EXPECT_EQ(window().page(), Page::sign_in);
    ASSERT_TRUE(soon([&] { return find<QLineEdit>("field-password") != nullptr; }));
    EXPECT_EQ(find<QLineEdit>("field-user")->text(), "alice");
    QTest::keyClick(find<QLineEdit>("field-password"), Qt::Key_Escape);
    EXPECT_EQ(window().page(), Page::services);
}

TEST_F(WindowTest, FirstRunTrustsTheCaWhoseFingerprintWasCompared) {
    agent_.state = {{"trust", QJsonValue()}, {"login", QJsonValue()}};
    agent_.answer("trust.inspect", {{"ca", "https://ca.example.org:7444"},
                                    {"fingerprint", scripted_trust()["fingerprint"]},
                                    {"subject", "Root"},
                                    {"not_after", "2036-11-20T00:00:00Z"}});
    agent_.answer_by("trust.accept", [&](const QJsonObject&) {
        agent_.notify("trust", scripted_trust());
        return scripted_trust();
    });
    open();
    ASSERT_EQ(window().page(), Page::set_up);
    QTest::keyClicks(find<QLineEdit>("address"), "ca.example.org:7444");
    QTest::keyClick(find<QLineEdit>("address"), Qt::Key_Return);
    ASSERT_TRUE(soon([&] { return shows("9F2C 71AA"); }));
    EXPECT_EQ(agent_.last("trust.inspect")["ca"].toString(), "https://ca.example.org:7444");
    EXPECT_FALSE(button("Trust this CA")->isEnabled());
    button<QCheckBox>("I compared them: they are the same")->click();
    EXPECT_TRUE(button("Trust this CA")->isEnabled());
    QTest::mouseClick(button("Trust this CA"), Qt::LeftButton);
    EXPECT_TRUE(soon([&] { return window().page() == Page::sign_in; }));
    EXPECT_EQ(agent_.last("trust.accept")["fingerprint"].toString(),
              scripted_trust()["fingerprint"].toString());
}

TEST_F(WindowTest, FirstRunRefusesAFingerprintThatDiffers) {
    agent_.state = {{"trust", QJsonValue()}, {"login", QJsonValue()}};
    agent_.answer("trust.inspect",
                  {{"ca", "https://x.org"}, {"fingerprint", "sha256:aabb"}, {"subject", "Root"}});
    open();
    QTest::keyClicks(find<QLineEdit>("address"), "x.org");
    QTest::mouseClick(button("Continue"), Qt::LeftButton);
    ASSERT_TRUE(soon([&] { return shows("AABB"); }));
    QLineEdit* expected = nullptr;
    for (QLineEdit* edit : window().findChildren<QLineEdit*>()) {
        expected = edit->isVisible() && edit->placeholderText().startsWith("sha256") ? edit : expected;
    }
    ASSERT_NE(expected, nullptr);
    expected->setText("sha256:aabc");
    EXPECT_TRUE(shows("They differ."));
    EXPECT_FALSE(button("Trust this CA")->isEnabled());
    expected->setText("AA:BB");
    EXPECT_TRUE(shows("They are the same."));
    EXPECT_TRUE(button("Trust this CA")->isEnabled());
    QTest::keyClick(expected, Qt::Key_Escape);
    EXPECT_TRUE(shows("Welcome to Postern"));
}

TEST_F(WindowTest, FirstRunTakesOnlyAddressesOfACa) {
    EXPECT_EQ(SetUpPage::address_from(" ca.example.org:7444 "), "https://ca.example.org:7444");
    EXPECT_EQ(SetUpPage::address_from("https://ca.example.org:7444/"), "https://ca.example.org:7444");
    for (const char* wrong : {"", "http://ca.example.org", "https://", "https://a@b", "ca.example.org/x",
                              "ftp://x", "a b", "https://x?y", "https://x#y", "https://x:99999"}) {
        EXPECT_EQ(SetUpPage::address_from(wrong), "") << wrong;
    }
}

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
    for (QCheckBox* box : dialog.findChildren<QCheckBox*>()) {
        box->click();
    }
    ASSERT_TRUE(soon([&] { return !program_->client().state().settings().notifications; }));
    EXPECT_TRUE(Preferences::starts_at_login());
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

TEST_F(WindowTest, TrayMenuConnectsDisconnectsAndCopies) {
    TrayProgram& program = open();
    QMenu* const menu = program.tray().menu();
    EXPECT_EQ(menu->actions().first()->text(), "alice · 47 min left");
    QAction* const orders = menu_action(menu, "orders-db · localhost:5432");
    ASSERT_NE(orders, nullptr);
    EXPECT_NE(menu_action(orders->menu(), "Port 5432"), nullptr);
    menu_action(orders->menu(), "Copy psql command")->trigger();
    EXPECT_EQ(QApplication::clipboard()->text(), "psql -h localhost -p 5432 -U alice");
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

TEST_F(WindowTest, ALinkToAnUnknownServiceConnectsNothing) {
    TrayProgram& program = open();
    program.fulfil("postern://connect/payroll-db");
    QMessageBox* const message = find<QMessageBox>();
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->text(), "There is no service “payroll-db” for you.");
    QTest::keyClick(message, Qt::Key_Escape);
    EXPECT_EQ(agent_.count("connect"), 0);
}

TEST_F(WindowTest, TellsARefusalAndLeavesItWhenNotificationsAreOff) {
    TrayProgram& program = open();
    QStringList titles;
    QObject::connect(&program, &TrayProgram::noticed, &program,
                     [&](const Notice& n) { titles.append(n.title); });
    agent_.notify("event", QJsonObject{{"time", kScriptedNow},
                                       {"kind", "refused"},
                                       {"service", "payroll-db"},
                                       {"reason", "policy_denied"}});
    ASSERT_TRUE(soon([&] { return !titles.isEmpty(); }));
    EXPECT_EQ(titles, QStringList{"payroll-db: access refused"});
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

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qputenv("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    qputenv("TZ", "UTC");
    qputenv("LC_ALL", "C");
    testing::InitGoogleTest(&argc, argv);
    if (testing::GTEST_FLAG(list_tests)) {
        return RUN_ALL_TESTS();  // The build asks; it needs no fonts.
    }
    QApplication application(argc, argv);
    postern::tray::prepare_application("en_GB");
    return RUN_ALL_TESTS();
}
