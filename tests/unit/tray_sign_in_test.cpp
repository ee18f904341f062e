// How a person signs in in the tray, for the first time and again, against a scripted agent.
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>

#include "desktop-tray/pages.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;
using Page = MainWindow::PageKind;

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
    // The agent reads fingerprints; the window believes its word and makes nothing of the text.
    QJsonObject word{{"is_fingerprint", true}, {"is_same", false}};
    agent_.answer_by("trust.compare", [&](const QJsonObject&) { return word; });
    expected->setText("sha256:aabb");
    EXPECT_TRUE(soon([&] { return shows("They differ."); }));
    EXPECT_FALSE(button("Trust this CA")->isEnabled());
    EXPECT_EQ(agent_.last("trust.compare")["given"].toString(), "sha256:aabb");
    EXPECT_EQ(agent_.last("trust.compare")["fingerprint"].toString(), "sha256:aabb");
    word = {{"is_fingerprint", false}, {"is_same", false}};
    expected->setText("sha256:aab");
    EXPECT_TRUE(soon([&] { return shows("This is not a whole fingerprint"); }));
    EXPECT_FALSE(button("Trust this CA")->isEnabled());
    word = {{"is_fingerprint", true}, {"is_same", true}};
    expected->setText(" AA:BB\t");
    EXPECT_TRUE(soon([&] { return shows("They are the same."); }));
    EXPECT_EQ(agent_.last("trust.compare")["given"].toString(), " AA:BB\t");
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

// Back, or closing the window: not now. Until they want it, nothing comes up again, and the agent keeps no
// program waiting for them.
TEST_F(WindowTest, APersonWhoPutsSigningInOffIsLeftAlone) {
    open();
    const auto wait_for_a_person = [&](bool is_waiting) {
        QJsonObject attention{{"reason", "login_expired"}};
        if (is_waiting) {
            attention["waiting"] = true;
        }
        agent_.notify("attention", QJsonObject{{"attention", attention}});
        ASSERT_TRUE(soon([&] { return program_->client().state().is_sign_in_awaited() == is_waiting; }));
    };
    const auto asks = [&](bool expected) {
        return soon([&] { return agent_.last("hello")["asks_login"].toBool() == expected; });
    };
    QJsonObject expired = scripted_login();
    expired["state"] = "expired";
    agent_.notify("login", expired);
    wait_for_a_person(true);
    ASSERT_EQ(window().page(), Page::sign_in);
    QTest::mouseClick(button("Back"), Qt::LeftButton);
    EXPECT_TRUE(asks(false));
    window().close();
    wait_for_a_person(false);
    wait_for_a_person(true);
    EXPECT_FALSE(window().isVisible());
    EXPECT_EQ(window().page(), Page::services);

    program_->fulfil("show");
    EXPECT_TRUE(asks(true));
    wait_for_a_person(false);
    wait_for_a_person(true);
    EXPECT_EQ(window().page(), Page::sign_in);
    // It was left waiting in vain meanwhile.
    wait_for_a_person(false);
    window().close();
    EXPECT_TRUE(asks(false));
    agent_.notify("login", scripted_login());
    agent_.notify("attention", QJsonObject{{"attention", QJsonValue()}});
    EXPECT_TRUE(asks(true));
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

}  // namespace
}  // namespace postern::test
