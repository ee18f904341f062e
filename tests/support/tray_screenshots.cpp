// Makes the pictures of docs/screenshots: every state of the tray's window, light and dark, with a scripted
// agent.
//   tray-screenshots FOLDER [LANGUAGE]
//   tray-screenshots --agent SOCKET      only plays the agent, for measurements of the tray alone
#include <QApplication>
#include <QDir>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QPushButton>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeWidget>
#include <cstdio>

#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/services_page.hpp"
#include "desktop-tray/settings_dialog.hpp"
#include "desktop-tray/tray_program.hpp"
#include "support/scripted_agent.hpp"

namespace {

using namespace postern::tray;
using namespace postern::test;

QDateTime scripted_clock() {
    return QDateTime::fromString(QLatin1String(kScriptedNow), Qt::ISODate);
}

class Studio {
public:
    Studio(const QString& folder, const QString& suffix, Theme theme) : folder_(folder), suffix_(suffix) {
        Preferences().set_theme(theme);
        agent_.answer("events", {{"events", scripted_events()}});
    }

    ScriptedAgent& agent() { return agent_; }

    TrayProgram& open() {
        agent_.start();
        ProgramOptions options;
        options.agent.socket = socket_;
        options.agent.launch = {};
        options.agent.timeout = std::chrono::milliseconds(50);
        options.agent.retry_every = std::chrono::milliseconds(20);
        options.clock = scripted_clock;
        program_ = std::make_unique<TrayProgram>(std::move(options));
        program_->start();
        // The screen of the offscreen platform is smaller than the screens that people have.
        const int line = program_->window().fontMetrics().height();
        program_->window().resize(line * 64, line * 43);
        wait_for([this] { return program_->client().state().is_known() && agent_.count("events") > 0; });
        settle();
        return *program_;
    }

    void take(const QString& name, QWidget* widget = nullptr) {
        settle();
        QWidget* const subject = widget != nullptr ? widget : &program_->window();
        const QString file = folder_ + QLatin1Char('/') + name + suffix_ + QLatin1String(".png");
        if (!subject->grab().save(file)) {
            std::fprintf(stderr, "tray-screenshots: error: cannot write %s\n", qPrintable(file));
            std::exit(1);
        }
    }

    void wait_for(const std::function<bool()>& claim) {
        if (!QTest::qWaitFor(claim, 10000)) {
            std::fprintf(stderr, "tray-screenshots: error: the window did not get there\n");
            std::exit(1);
        }
    }

    static void settle() { QTest::qWait(60); }

private:
    QTemporaryDir temporary_;
    QString socket_ = temporary_.path() + QStringLiteral("/agent.sock");
    QString folder_;
    QString suffix_;
    ScriptedAgent agent_{socket_};
    std::unique_ptr<TrayProgram> program_;
};

QJsonObject with(QJsonObject object, const char* name, const QJsonValue& value) {
    object[QLatin1String(name)] = value;
    return object;
}

void take_services(const QString& folder, const QString& suffix, Theme theme) {
    Studio studio(folder, suffix, theme);
    TrayProgram& program = studio.open();
    program.window().choose("orders-db");
    studio.take("connected");
    program.tray().menu()->ensurePolished();
    program.tray().menu()->adjustSize();
    studio.take("tray-menu", program.tray().menu());
    program.window().choose("stock-db");
    studio.take("disconnected");
    program.window().services_page()->show_tab(1);
    studio.take("certificate");
    program.window().services_page()->show_tab(2);
    auto* const events = program.window().findChild<QTreeWidget*>();
    events->setCurrentItem(events->topLevelItem(1));
    studio.take("events");
    program.window().services_page()->show_tab(0);
    auto* const filter = program.window().findChild<QLineEdit*>("filter");
    filter->setText("payroll");
    studio.take("filter-empty");
    filter->clear();
    Preferences preferences;
    SettingsDialog settings(&program.client(), &preferences);
    settings.show();
    studio.take("settings", &settings);
    settings.hide();
    program.window().ask_to_connect("billing-db");
    Studio::settle();
    studio.take("link", QApplication::activeModalWidget());
}

void take_troubles(const QString& folder, const QString& suffix, Theme theme) {
    {
        Studio studio(folder, suffix, theme);
        QJsonArray services = studio.agent().state["services"].toArray();
        QJsonObject billing = services[0].toObject();
        billing["state"] = "error";
        billing["error"] = QJsonObject{{"reason", "port_in_use"},
                                       {"message", "Port 5433 is used by postgres (pid 2113)."},
                                       {"hint", "Choose another port."}};
        services[0] = billing;
        studio.agent().state["services"] = services;
        TrayProgram& program = studio.open();
        program.window().choose("billing-db");
        studio.take("service-error");
    }
    {
        Studio studio(folder, suffix, theme);
        QJsonObject payroll = scripted_service("payroll-db", "error", 5450);
        payroll["description"] = "Salaries";
        payroll["ports"] = QJsonArray{QJsonObject{{"port", 5450}}};
        payroll["error"] = QJsonObject{{"reason", "policy_denied"},
                                       {"message", "No rule lets alice use payroll-db."},
                                       {"connection_id", "01a21224-db1c-7def-ad79-30bc9cab4752"}};
        QJsonArray services = studio.agent().state["services"].toArray();
        services.append(payroll);
        studio.agent().state["services"] = services;
        TrayProgram& program = studio.open();
        program.window().choose("payroll-db");
        studio.take("refused");
    }
    {
        Studio studio(folder, suffix, theme);
        studio.agent().state["login"] = with(scripted_login(), "state", "revoked");
        studio.agent().state["attention"] = QJsonObject{
            {"reason", "revoked"}, {"message", "The certificate was revoked."}, {"hint", "Log in again."}};
        studio.open();
        studio.take("revoked");
    }
    {
        Studio studio(folder, suffix, theme);
        studio.agent().state["services"] = QJsonArray();
        studio.open();
        studio.take("no-services");
    }
    {
        Studio studio(folder, suffix, theme);
        TrayProgram& program = studio.open();
        studio.agent().stop();
        studio.wait_for([&] { return program.client().status() == AgentClient::Status::failed; });
        studio.take("no-agent");
    }
}

/// Takes pictures of what others wrote, as long as may be or with markup, and of a service that the CA does
/// not list.
void take_others_words(const QString& folder, const QString& suffix, Theme theme) {
    Studio studio(folder, suffix, theme);
    QJsonObject invoices =
        scripted_service("invoices-of-the-southern-subsidiaries-since-2011-read-only-copy", "connected", 5460);
    invoices["description"] =
        "<b>Invoices</b> of the southern subsidiaries & their branches, a copy that is made each night from the "
        "production database and holds all that was booked since 2011, but nothing of the current day";
    QJsonObject hidden = scripted_service("metrics");
    hidden["protocol"] = "tcp";
    hidden["listed"] = false;
    hidden["modes"] = QJsonArray{"passthrough"};
    hidden["mode"] = "passthrough";
    QJsonArray services = studio.agent().state["services"].toArray();
    services.append(invoices);
    services.append(hidden);
    studio.agent().state["services"] = services;
    TrayProgram& program = studio.open();
    program.window().choose(invoices["name"].toString());
    studio.take("long-texts");
    program.window().choose("metrics");
    QTest::mouseClick(program.window().findChild<QPushButton*>("toggle"), Qt::LeftButton);
    Studio::settle();
    studio.take("not-listed", QApplication::activeModalWidget());
}

void take_sign_in(const QString& folder, const QString& suffix, Theme theme) {
    {
        Studio studio(folder, suffix, theme);
        studio.agent().state["login"] = QJsonValue();
        Preferences().set_last_user("alice");
        TrayProgram& program = studio.open();
        studio.take("sign-in");
        studio.agent().refuse("login", "bad_credentials", "The name or the password is wrong.");
        auto* const password = program.window().findChild<QLineEdit*>("field-password");
        password->setText("not-it");
        QTest::keyClick(password, Qt::Key_Return);
        studio.wait_for([&] { return studio.agent().count("login") == 1; });
        studio.take("sign-in-refused");
    }
    {
        Studio studio(folder, suffix, theme);
        studio.agent().state = {{"trust", QJsonValue()}, {"login", QJsonValue()}, {"services", QJsonArray()}};
        studio.agent().answer("trust.inspect", {{"ca", "https://ca.example.org:7444"},
                                                {"fingerprint", scripted_trust()["fingerprint"]},
                                                {"subject", "Example Server Root CA"},
                                                {"not_after", "2036-11-20T00:00:00Z"}});
        TrayProgram& program = studio.open();
        studio.take("first-run");
        auto* const address = program.window().findChild<QLineEdit*>("address");
        address->setText("ca.example.org:7444");
        QTest::keyClick(address, Qt::Key_Return);
        studio.wait_for([&] { return studio.agent().count("trust.inspect") == 1; });
        studio.take("first-run-compare");
    }
}

void take_icons(const QString& folder) {
    QImage sheet(6 * 96, 112, QImage::Format_ARGB32);
    sheet.fill(QColor("#3a4046"));
    QPainter painter(&sheet);
    const Overview all[] = {Overview::no_agent,  Overview::not_set_up, Overview::signed_out,
                            Overview::signed_in, Overview::connected,  Overview::needs_attention};
    int x = 0;
    for (const Overview overview : all) {
        painter.drawPixmap(x + 16, 8, tray_icon(overview).pixmap(QSize(64, 64)));
        painter.drawPixmap(x + 37, 82, tray_icon(overview).pixmap(QSize(22, 22)));
        x += 96;
    }
    sheet.save(folder + QStringLiteral("/tray-icons.png"));
}

}  // namespace

int main(int argc, char** argv) {
    QStandardPaths::setTestModeEnabled(true);
    QTemporaryDir home;
    qputenv("XDG_CONFIG_HOME", home.path().toUtf8());
    qputenv("HOME", home.path().toUtf8());
    qputenv("TZ", "UTC");
    qputenv("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    QApplication application(argc, argv);
    const QStringList arguments = QApplication::arguments();
    if (arguments.size() != 2 && arguments.size() != 3) {
        std::fprintf(stderr, "usage: tray-screenshots FOLDER [LANGUAGE] | --agent SOCKET\n");
        return 2;
    }
    if (arguments[1] == QLatin1String("--agent") && arguments.size() == 3) {
        ScriptedAgent agent(arguments[2]);
        agent.start();
        return QApplication::exec();
    }
    QFont font(QStringLiteral("Cantarell"));
    font.setPointSize(11);
    QApplication::setFont(font);
    prepare_application(arguments.value(2, QStringLiteral("en_GB")));
    const QString& folder = arguments[1];
    QDir().mkpath(folder);
    for (const auto& [theme, suffix] : {std::pair{Theme::light, ""}, std::pair{Theme::dark, "-dark"}}) {
        take_services(folder, QLatin1String(suffix), theme);
        take_troubles(folder, QLatin1String(suffix), theme);
        take_others_words(folder, QLatin1String(suffix), theme);
        take_sign_in(folder, QLatin1String(suffix), theme);
    }
    take_icons(folder);
    return 0;
}
