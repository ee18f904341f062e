// The tray's pure parts: state, words, notices, links, the terminal's command line.
#include <QFile>

#include "base/result.hpp"
#include "desktop-tray/connect_link.hpp"
#include "desktop-tray/notices.hpp"
#include "desktop-tray/platform/autostart.hpp"
#include "desktop-tray/platform/terminal_window.hpp"
#include "desktop-tray/wording.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;

AgentState told(const QJsonObject& json = scripted_state()) {
    AgentState state;
    state.replace(json);
    return state;
}

QJsonObject changed(QJsonObject json, const char* member, const QJsonValue& value) {
    json[QLatin1String(member)] = value;
    return json;
}

Event event_of(const char* kind, const char* service, const char* reason,
               const char* connection = "01hq7v2f6c4d") {
    return event_from({{"time", kScriptedNow},
                       {"kind", kind},
                       {"service", service},
                       {"reason", reason},
                       {"connection_id", connection}});
}

TEST(TrayState, HoldsWhatTheAgentTold) {
    const AgentState state = told();
    ASSERT_TRUE(state.login());
    EXPECT_EQ(state.login()->user, "alice");
    EXPECT_EQ(state.login()->groups, (QStringList{"analysts", "on-call"}));
    ASSERT_NE(state.service("orders-db"), nullptr);
    EXPECT_EQ(state.service("orders-db")->port, 5432);
    EXPECT_EQ(state.service("orders-db")->commands["psql"], "psql -h localhost -p 5432 -U alice -d orders");
    EXPECT_EQ(state.service("stock-db")->port, 0);
    EXPECT_EQ(state.connected_count(), 2);
}

TEST(TrayState, FollowsEveryNotification) {
    AgentState state = told();
    EXPECT_TRUE(state.apply("service", scripted_service("stock-db", "connected", 5555)));
    EXPECT_EQ(state.service("stock-db")->port, 5555);
    EXPECT_TRUE(state.apply("settings", {{"favourites", QJsonArray{"stock-db"}}, {"notifications", false}}));
    EXPECT_TRUE(state.service("stock-db")->is_favourite);
    EXPECT_FALSE(state.service("orders-db")->is_favourite);
    EXPECT_FALSE(state.settings().notifications);
    EXPECT_TRUE(state.apply("attention", {{"attention", QJsonObject{{"reason", "revoked"}}}}));
    EXPECT_EQ(state.overview(), Overview::needs_attention);
    EXPECT_TRUE(state.apply("attention", {{"attention", QJsonValue()}}));
    EXPECT_TRUE(state.apply("services", {{"services", QJsonArray{scripted_service("one")}}}));
    EXPECT_EQ(state.services().size(), 1);
    EXPECT_TRUE(state.apply("login", {}));
    EXPECT_FALSE(state.login());
    EXPECT_FALSE(state.apply("something.new", {{"a", 1}}));
}

TEST(TrayState, TrafficMovesNumbersAndNothingElse) {
    AgentState state = told();
    const QJsonObject moved{{"name", "orders-db"}, {"connections", 7}, {"bytes_in", 5}, {"bytes_out", 6}};
    const QJsonObject unknown{{"name", "nobody-knows"}, {"connections", 1}};
    state.apply("traffic", {{"services", QJsonArray{moved, unknown}}});
    const Service* orders = state.service("orders-db");
    EXPECT_EQ(orders->connections, 7);
    EXPECT_EQ(orders->bytes_in, 5);
    EXPECT_EQ(orders->port, 5432);
    EXPECT_EQ(orders->state, ServiceState::connected);
    EXPECT_EQ(state.service("nobody-knows"), nullptr);
}

TEST(TrayState, KeepsNoMoreThan200Events) {
    AgentState state = told();
    for (int count = 0; count < 300; ++count) {
        state.apply("event", {{"kind", "accepted"}, {"service", QString::number(count)}});
    }
    EXPECT_EQ(state.events().size(), 200);
    EXPECT_EQ(state.events().first().service, "299");
}

TEST(TrayState, ShowsCharactersThatCouldDisguiseAName) {
    const Service service = service_from({{"name", QString("a\u202Eb\nc\td") + QString(900, 'x')}});
    EXPECT_TRUE(service.name.startsWith("a\\u202eb\\nc\\td"));
    EXPECT_LE(service.name.size(), 401) << "with the ellipsis";
}

TEST(TrayState, SurvivesMembersOfTheWrongKind) {
    AgentState state;
    state.replace(
        {{"trust", 5}, {"login", QJsonArray{1}}, {"services", QJsonArray{"x", QJsonObject{{"name", 4}}}}});
    EXPECT_FALSE(state.trust());
    EXPECT_FALSE(state.login());
    EXPECT_TRUE(state.services().isEmpty());
    const Service odd = service_from({{"name", "x"}, {"port", 70000}, {"connections", -4}, {"bytes_in", -1}});
    EXPECT_EQ(odd.port, 65535);
    EXPECT_EQ(odd.connections, 0);
    EXPECT_EQ(odd.bytes_in, 0);
}

TEST(TrayState, OverviewNamesTheWorstFirst) {
    EXPECT_EQ(AgentState().overview(), Overview::no_agent);
    EXPECT_EQ(told({{"trust", QJsonValue()}}).overview(), Overview::not_set_up);
    EXPECT_EQ(told(changed(scripted_state(), "login", QJsonValue())).overview(), Overview::signed_out);
    EXPECT_EQ(told(changed(scripted_state(), "services", QJsonArray())).overview(), Overview::signed_in);
    EXPECT_EQ(told().overview(), Overview::connected);
    const QJsonObject expired = changed(scripted_login(), "state", "expired");
    EXPECT_EQ(told(changed(scripted_state(), "login", expired)).overview(), Overview::needs_attention);
    const QJsonArray failed{scripted_service("a", "error")};
    EXPECT_EQ(told(changed(scripted_state(), "services", failed)).overview(), Overview::needs_attention);
}

TEST(TrayState, LeavesOutLoginMethodsThatItCannotDraw) {
    const QJsonObject field{{"name", "user"}, {"label", "Name"}, {"kind", "text"}};
    const QJsonObject form{{"id", "password"}, {"title", "Password"}, {"fields", QJsonArray{field}}};
    const QJsonObject browser{{"id", "sso"}, {"kind", "browser"}, {"fields", QJsonArray{field}}};
    const QJsonObject empty{{"id", "nothing"}, {"fields", QJsonArray()}};
    const auto methods = login_methods_from({{"methods", QJsonArray{browser, form, empty, 7}}});
    ASSERT_EQ(methods.size(), 1);
    EXPECT_EQ(methods[0].id, "password");
    EXPECT_TRUE(methods[0].fields[0].is_required);
}

TEST(ConnectLink, TakesTheOneKnownForm) {
    EXPECT_EQ(service_from_link("postern://connect/orders-db"), "orders-db");
    EXPECT_EQ(service_from_link("Postern://Connect/orders-db"), "orders-db");
    EXPECT_EQ(service_from_link("postern://connect/orders.v2_x/"), "orders.v2_x");
    EXPECT_EQ(service_from_link("postern://connect/" + QString(63, 'a')), QString(63, 'a'));
}

TEST(ConnectLink, RefusesEverythingElse) {
    for (const char* link : {"",
                             "postern:",
                             "postern://connect",
                             "postern://connect/",
                             "postern://connect//",
                             "postern://connect/..",
                             "postern://connect/.x",
                             "postern://connect/-x",
                             "postern://connect/a/b",
                             "postern://connect/a?port=1",
                             "postern://connect/a#b",
                             "postern://connect/a%20b",
                             "postern://connect/a b",
                             "postern://connect/a\n",
                             "postern://user@connect/a",
                             "postern://connect:80/a",
                             "postern://disconnect/a",
                             "https://connect/a",
                             " postern://connect/a",
                             "postern://connect/\u00e4",
                             "--background"}) {
        EXPECT_FALSE(service_from_link(QString::fromUtf8(link))) << link;
    }
    EXPECT_FALSE(service_from_link("postern://connect/" + QString(64, 'a')));
    EXPECT_FALSE(service_from_link("postern://connect/" + QString(100000, 'a')));
}

TEST(Notices, TellARefusalOnceAMinute) {
    Notices notices;
    const AgentState state = told();
    const Event refused = event_of("refused", "payroll-db", "policy_denied");
    const auto first = notices.on_event(refused, state, scripted_now());
    ASSERT_TRUE(first);
    EXPECT_EQ(first->title, "payroll-db: access refused");
    EXPECT_TRUE(first->text.startsWith("You may not use this service."));
    EXPECT_FALSE(notices.on_event(refused, state, scripted_now().addSecs(59)));
    EXPECT_TRUE(notices.on_event(refused, state, scripted_now().addSecs(61)));
    EXPECT_TRUE(notices.on_event(event_of("refused", "other", "policy_denied"), state, scripted_now()));
}

// A stranger's process, or one that connects and says nothing: no gateway has heard of it.
TEST(Notices, SayNothingAboutWhatHappenedOnThisComputerAlone) {
    Notices notices;
    for (const char* reason : {"policy_denied", "timed_out"}) {
        EXPECT_FALSE(notices.on_event(event_of("refused", "orders-db", reason, ""), told(), scripted_now()))
            << reason;
        EXPECT_TRUE(notices.on_event(event_of("refused", "orders-db", reason), told(), scripted_now()))
            << reason;
    }
}

TEST(Notices, SayNothingAboutWhatAPersonDidThemselves) {
    Notices notices;
    for (const char* kind :
         {"connected", "disconnected", "accepted", "closed", "login", "logout", "renewed"}) {
        EXPECT_FALSE(notices.on_event(event_of(kind, "orders-db", ""), told(), scripted_now())) << kind;
    }
    EXPECT_FALSE(notices.on_state(told(), scripted_now()));
}

TEST(Notices, TellARevocationOnceHoweverManyConnectionsItCuts) {
    Notices notices;
    int told_count = 0;
    for (const char* service : {"orders-db", "billing-db", "stock-db"}) {
        told_count += notices.on_event(event_of("cut", service, "revoked"), told(), scripted_now()) ? 1 : 0;
    }
    QJsonObject json = changed(scripted_state(), "login", changed(scripted_login(), "state", "revoked"));
    json["attention"] = QJsonObject{{"reason", "revoked"}, {"message", "x"}};
    told_count += notices.on_state(told(json), scripted_now()) ? 1 : 0;
    EXPECT_EQ(told_count, 1);
}

TEST(Notices, WarnOnceBeforeTheLoginEnds) {
    Notices notices;
    const QDateTime end = QDateTime::fromString("2026-11-23T19:30:00Z", Qt::ISODate);
    EXPECT_FALSE(notices.on_state(told(), end.addSecs(-601)));
    const auto warned = notices.on_state(told(), end.addSecs(-600));
    ASSERT_TRUE(warned);
    EXPECT_EQ(warned->title, "Your login ends in 10 min");
    EXPECT_FALSE(notices.on_state(told(), end.addSecs(-300)));
    EXPECT_FALSE(notices.on_state(told(), end.addSecs(1)));
}

TEST(Notices, TellThatTheLoginEndedOnlyWhenItJustDid) {
    Notices notices;
    notices.on_state(told(), scripted_now());
    const AgentState expired =
        told(changed(scripted_state(), "login", changed(scripted_login(), "state", "expired")));
    const auto notice = notices.on_state(expired, scripted_now());
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->title, "Your login has ended.");
    EXPECT_FALSE(notices.on_state(expired, scripted_now().addSecs(300)));
}

TEST(Notices, TellALostGatewayOnlyToWhoWasConnectedAndThatItIsBack) {
    Notices notices;
    const AgentState idle = told(changed(scripted_state(), "services", QJsonArray()));
    EXPECT_FALSE(notices.on_event(event_of("gateway_lost", "", ""), idle, scripted_now()));
    EXPECT_FALSE(notices.on_event(event_of("gateway_back", "", ""), idle, scripted_now()));
    EXPECT_TRUE(notices.on_event(event_of("gateway_lost", "", ""), told(), scripted_now()));
    EXPECT_FALSE(notices.on_event(event_of("gateway_lost", "", ""), told(), scripted_now()));
    const auto back = notices.on_event(event_of("gateway_back", "", ""), told(), scripted_now());
    ASSERT_TRUE(back);
    EXPECT_FALSE(back->is_warning);
}

TEST(Notices, TellALossOnceAlthoughConnectionAndGatewayBothReportIt) {
    Notices notices;
    const auto lost = notices.on_event(event_of("cut", "orders-db", "end_of_stream"), told(), scripted_now());
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->title, "orders-db: connection lost");
    EXPECT_FALSE(notices.on_event(event_of("refused", "orders-db", "unreachable"), told(), scripted_now()));
    EXPECT_FALSE(notices.on_event(event_of("gateway_lost", "", ""), told(), scripted_now()));
    EXPECT_TRUE(notices.on_event(event_of("gateway_back", "", ""), told(), scripted_now()));
}

TEST(Notices, TellThatAProgramWaitsForThePersonToSignIn) {
    Notices notices;
    QJsonObject json = changed(scripted_state(), "login", changed(scripted_login(), "state", "expired"));
    json["attention"] = QJsonObject{{"reason", "login_expired"}, {"message", "x"}};
    ASSERT_TRUE(notices.on_state(told(json), scripted_now()));
    EXPECT_FALSE(notices.on_state(told(json), scripted_now().addSecs(1)));
    json["attention"] = QJsonObject{{"reason", "login_expired"}, {"message", "x"}, {"waiting", true}};
    const auto notice = notices.on_state(told(json), scripted_now().addSecs(2));
    ASSERT_TRUE(notice);
    EXPECT_TRUE(notice->wants_sign_in);
    EXPECT_FALSE(notices.on_state(told(json), scripted_now().addSecs(3)));
}

TEST(Notices, TellTheEndOfASessionOnceHoweverItIsNoticed) {
    Notices notices;
    QJsonObject json = changed(scripted_state(), "login", changed(scripted_login(), "state", "expired"));
    json["attention"] = QJsonObject{{"reason", "login_expired"}, {"message", "x"}, {"waiting", true}};
    EXPECT_TRUE(notices.on_event(event_of("cut", "orders-db", "session_ended"), told(), scripted_now()));
    json["attention"] = QJsonObject{{"reason", "login_expired"}, {"message", "x"}};
    EXPECT_FALSE(notices.on_state(told(json), scripted_now().addSecs(1)));
    const Event refused = event_of("refused", "orders-db", "session_ended");
    EXPECT_FALSE(notices.on_event(refused, told(json), scripted_now().addSecs(120)));
    notices.on_state(told(), scripted_now().addSecs(180));
    EXPECT_TRUE(notices.on_event(refused, told(), scripted_now().addSecs(240))) << "another end";

    Notices others;
    json["attention"] = QJsonObject{{"reason", "login_expired"}, {"message", "x"}, {"waiting", true}};
    const auto notice = others.on_state(told(json), scripted_now());
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->title, "A program waits for you to sign in");
    EXPECT_FALSE(others.on_state(told(json), scripted_now().addSecs(1)));
}

TEST(Notices, TellSeldomThatAProgramWaitsWhichTriesAgainEachMinute) {
    Notices notices;
    QJsonObject json = changed(scripted_state(), "login", changed(scripted_login(), "state", "expired"));
    int told_count = 0;
    for (int second = 0; second < 590; second += 5) {
        json["attention"] =
            QJsonObject{{"reason", "login_expired"}, {"message", "x"}, {"waiting", second % 60 < 50}};
        told_count += notices.on_state(told(json), scripted_now().addSecs(second)) ? 1 : 0;
    }
    EXPECT_EQ(told_count, 1);
}

TEST(Wording, SaysKnownReasonsPlainlyAndOthersAsTheAgentDid) {
    const Trouble known{"port_in_use", "Port 5433 is used by postgres (pid 7).", "Use another.", {}};
    EXPECT_EQ(Wording::headline(known), "The local port is taken by another program.");
    EXPECT_EQ(Wording::detail(known), "Port 5433 is used by postgres (pid 7).");
    const Trouble other{"moon_phase", "The moon is full.", "Wait a week.", {}};
    EXPECT_EQ(Wording::headline(other), "The moon is full.");
    EXPECT_EQ(Wording::detail(other), "");
    EXPECT_EQ(Wording::next_step(other), "Wait a week.");
}

// The agent's own words are English, and its hints name commands. That each of these words is in German, too,
// is another test's matter (tray_translations).
TEST(Wording, HasWordsForEveryReasonThatTheAgentTells) {
    QStringList reasons{"trust_required",  "login_required", "login_expired",
                        "bad_credentials", "port_in_use",    "ca_unreachable"};
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        reasons.append(QString::fromStdString(std::string(name(static_cast<Code>(code)))));
    }
    for (const QString& reason : reasons) {
        const Trouble trouble{reason, "as the agent says it", "as the agent advises", {}};
        EXPECT_NE(Wording::headline(trouble), "as the agent says it.") << qPrintable(reason);
        EXPECT_NE(Wording::next_step(trouble), "as the agent advises") << qPrintable(reason);
    }
}

TEST(Wording, NamesTheCaAndNoGatewayWhereOnlyTheCaWasAsked) {
    const Trouble away{"unreachable", "the CA service does not answer", {}, {}};
    EXPECT_EQ(Wording::headline(about_ca(away)), "The CA service cannot be reached.");
    EXPECT_EQ(Wording::headline(away), "The gateway cannot be reached.");
    EXPECT_EQ(Wording::detail(about_ca(away)), "The CA service does not answer.");
    EXPECT_EQ(about_ca({"bad_credentials", {}, {}, {}}).reason, "bad_credentials");
    const Trouble throttled{"limit_reached", "Too many failed logins.", {}, {}};
    EXPECT_EQ(Wording::headline(about_ca(throttled)), "The CA service was asked too often.");
    EXPECT_EQ(Wording::detail(about_ca(throttled)), "Too many failed logins.");
    EXPECT_EQ(Wording::next_step(about_ca(throttled)), "Wait a moment, then try again.");
    EXPECT_EQ(Wording::headline(throttled), "Too many connections are open.");
    const Trouble mute{"audit_unavailable", "The CA service lets nobody in.", {}, {}};
    EXPECT_EQ(Wording::headline(about_ca(mute)), "The CA service cannot do this now.");
    EXPECT_EQ(Wording::event(event_of("renewal_failed", "", "unreachable")),
              "Certificate not renewed: The CA service cannot be reached.");
}

TEST(Wording, BlamesNoGatewayAndNoRuleForWhatHappenedOnThisComputer) {
    EXPECT_EQ(Wording::event(event_of("refused", "orders-db", "policy_denied", "")),
              "Refused: The program may not use this port.");
    EXPECT_EQ(Wording::event(event_of("refused", "orders-db", "timed_out", "")),
              "Refused: The other side did not answer in time.");
    EXPECT_EQ(Wording::event(event_of("refused", "orders-db", "policy_denied")),
              "Refused: You may not use this service.");
}

TEST(Wording, AnOpenPortIsNotCalledConnectedWithoutAValidCertificate) {
    const Service open = service_from(scripted_service("orders-db", "connected", 5432));
    EXPECT_EQ(Wording::state(open), "Connected on localhost:5432");
    EXPECT_EQ(Wording::state(open, false), "Port 5432 is open, certificate not valid");
}

TEST(Wording, NamesAProgramWithoutItsFolder) {
    Event event = event_of("accepted", "orders-db", "");
    event.program = "/usr/lib/postgresql/15/bin/psql";
    EXPECT_EQ(Wording::event(event), "psql opened a connection");
    EXPECT_EQ(Wording::event(event_of("closed", "orders-db", "")), "A connection was closed");
}

TEST(Wording, CountsAndMeasures) {
    EXPECT_EQ(Wording::duration(std::chrono::seconds(-3)), "now");
    EXPECT_EQ(Wording::duration(std::chrono::seconds(59)), "59 s");
    EXPECT_EQ(Wording::duration(std::chrono::seconds(2820)), "47 min");
    EXPECT_EQ(Wording::duration(std::chrono::seconds(3900)), "1 h 5 min");
    EXPECT_EQ(Wording::connections(1), "1 open connection");
    EXPECT_EQ(Wording::connections(2), "2 open connections");
    EXPECT_EQ(Wording::fingerprint("sha256:" + QString(64, 'a')).split('\n').size(), 2);
    EXPECT_TRUE(Wording::fingerprint("sha256:9f2c71aa").startsWith("9F2C 71AA"));
}

TEST(TerminalCommand, HandsTheCommandOverAsArguments) {
    const auto only_konsole = [](const QString& program) {
        return program == "konsole" ? QString("/usr/bin/konsole") : QString();
    };
    const QStringList command = terminal_command({"/usr/bin/postern", "psql", "orders-db"}, {}, only_konsole);
    ASSERT_GE(command.size(), 7);
    EXPECT_EQ(command.mid(0, 4), (QStringList{"/usr/bin/konsole", "-e", "sh", "-c"}));
    EXPECT_EQ(command.mid(command.size() - 3), (QStringList{"/usr/bin/postern", "psql", "orders-db"}));
}

TEST(TerminalCommand, IsEmptyWithoutATerminal) {
    EXPECT_TRUE(terminal_command({"psql"}, "kitty", [](const QString&) { return QString(); }).isEmpty());
}

class PreferencesTest : public TrayTest {};

TEST_F(PreferencesTest, StartAtLoginWritesAnEntryAndTakesItAway) {
    EXPECT_FALSE(starts_at_login());
    ASSERT_TRUE(set_starts_at_login(true));
    EXPECT_TRUE(starts_at_login());
    QFile entry(home_.path() + "/config/autostart/postern-tray.desktop");
    ASSERT_TRUE(entry.open(QIODevice::ReadOnly));
    EXPECT_TRUE(entry.readAll().contains("\" --background\n"));
    ASSERT_TRUE(set_starts_at_login(false));
    EXPECT_FALSE(entry.exists());
}

TEST_F(PreferencesTest, SaysWhenTheEntryCannotBeWritten) {
    QFile in_the_way(home_.path() + "/config");
    ASSERT_TRUE(in_the_way.open(QIODevice::WriteOnly));
    EXPECT_FALSE(set_starts_at_login(true));
    EXPECT_FALSE(starts_at_login());
}

}  // namespace
}  // namespace postern::test
