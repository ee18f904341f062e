// The tray application as people meet it: the real program on a desktop, against a real agent, CA service,
// gateway and PostgreSQL. What it says is read from the icon, its menu, the notifications and the screen.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "support/desktop.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr auto kTimeout = 60s;
const std::string kDesktopEntry = POSTERN_SOURCE "/desktop-tray/postern-tray.desktop";

/// Somebody at a desktop, with postern-tray. Nothing of it is left at the end.
class Person {
public:
    Person(const Stack& stack, const std::string& user, const Desktop& desktop, std::string_view laptop)
        : desktop_(desktop), laptop_(stack, user, laptop) {}
    ~Person() {
        tray_.reset();
        laptop_.postern({"agent", "--stop"});
    }
    Person(const Person&) = delete;
    Person& operator=(const Person&) = delete;

    const Laptop& laptop() const { return laptop_; }
    Process& tray() { return *tray_; }
    ProcessOptions options() const {
        ProcessOptions options = laptop_.options();
        options.environment.merge(desktop_.environment());
        return options;
    }
    void start_tray(const std::vector<std::string>& arguments = {}) {
        std::vector<std::string> command{program("postern-tray")};
        command.insert(command.end(), arguments.begin(), arguments.end());
        tray_ = std::make_unique<Process>(std::move(command), options());
    }
    void kill_tray() {
        tray_->signal(SIGKILL);
        tray_->wait(10s);
        tray_.reset();
    }
    /// Logs in and opens orders-db from the command line; the port.
    int open_orders() const {
        EXPECT_EQ(laptop_.login().exit_code, 0);
        const int port = free_port();
        const std::string wanted = fmt::format("orders-db:{}", port);
        EXPECT_EQ(laptop_.postern({"connect", wanted, "--background"}).exit_code, 0);
        return port;
    }
    /// The local port of orders-db once the agent says that it is open; 0 if that never comes.
    int open_port() const {
        int port = 0;
        eventually(
            [&] {
                const json told = parse_json(laptop_.postern({"status", "--json"}).out);
                for (const auto& service : told.is_object() ? told.at("services") : json::array()) {
                    if (service.at("name") == "orders-db" && !service.at("ports").empty()) {
                        port = service.at("port");
                    }
                }
                return port != 0;
            },
            kTimeout);
        return port;
    }
    bool gets_in(int port) const { return psql(port, "select 'let in'", laptop_.user()).out == "let in\n"; }
    /// A psql that sleeps in the database.
    Process sleeping_psql(int port) const {
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", laptop_.user() + "-password"}};
        return Process({"psql", "-X", "-h", "localhost", "-p", std::to_string(port), "-U", laptop_.user(),
                        "-d", "orders", "-c", "select pg_sleep(600)"},
                       options);
    }

private:
    const Desktop& desktop_;
    Laptop laptop_;
    std::unique_ptr<Process> tray_;
};

class DesktopTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        desktop_ = std::make_unique<Desktop>(Desktop::Tray::status_notifier);
    }
    static void TearDownTestSuite() {
        desktop_.reset();
        stack_.reset();
    }

    /// Logged in, the window shown, the services there.
    static std::unique_ptr<Person> at_work(const std::string& user, std::string_view laptop) {
        auto person = std::make_unique<Person>(*stack_, user, *desktop_, laptop);
        EXPECT_EQ(person->laptop().login().exit_code, 0);
        person->start_tray();
        EXPECT_TRUE(desktop_->shows("list item\torders-db, Not connected")) << desktop_->screen();
        return person;
    }
    /// By the icon's menu; the port.
    static int connect(const Person& person) {
        EXPECT_TRUE(desktop_->choose({"orders-db", "Connect"}));
        const int port = person.open_port();
        EXPECT_TRUE(desktop_->shows(fmt::format("Connected on localhost:{}", port))) << desktop_->screen();
        return port;
    }
    static void wait_until_asleep(const Process& psql, const std::string& user) {
        const std::string asleep =
            "select count(*) from pg_stat_activity where state = 'active' and usename = '" + user + "'";
        ASSERT_TRUE(eventually([&] { return stack_->postgres().sql(asleep) != "0"; }, kTimeout))
            << psql.err();
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Desktop> desktop_;
};

std::unique_ptr<Stack> DesktopTest::stack_;
std::unique_ptr<Desktop> DesktopTest::desktop_;

TEST_F(DesktopTest, TheIconsMenuConnectsAndDisconnects) {
    const auto alice = at_work("alice", "-menu");
    EXPECT_TRUE(desktop_->offers("alice · ")) << desktop_->icon();
    EXPECT_TRUE(desktop_->offers("Sign out"));
    EXPECT_TRUE(desktop_->offers("Quit"));
    const int port = connect(*alice);
    EXPECT_TRUE(alice->gets_in(port));
    EXPECT_TRUE(desktop_->offers(fmt::format("orders-db · localhost:{}", port))) << desktop_->icon();
    EXPECT_TRUE(desktop_->shows(fmt::format("psql -h localhost -p {} -U alice", port))) << desktop_->screen();
    ASSERT_TRUE(desktop_->choose({"orders-db", "Disconnect"}));
    EXPECT_TRUE(desktop_->shows("list item\torders-db, Not connected")) << desktop_->screen();
    EXPECT_TRUE(desktop_->hides(fmt::format("Connected on localhost:{}", port)));
    EXPECT_EQ(psql(port, "select 1").exit_code, 2);
}

TEST_F(DesktopTest, OpensPsqlInATerminal) {
    const auto alice = at_work("alice", "-terminal");
    ASSERT_EQ(
        alice->laptop().postern({"connect", "orders-db", "--database", "orders", "--background"}).exit_code,
        0);
    EXPECT_TRUE(desktop_->shows("orders-db, Connected on localhost:")) << desktop_->screen();
    const auto closed = [] {
        const auto records = stack_->records();
        return std::count_if(records.begin(), records.end(), [](const json& record) {
            return record.at("event").at("action") == "connection.closed";
        });
    };
    const auto closed_before = closed();
    ASSERT_TRUE(desktop_->press("Open psql in a terminal")) << desktop_->screen();
    ASSERT_TRUE(eventually([&] { return desktop_->has_terminal(); }, kTimeout));
    // Psql asks for the password once PostgreSQL has, in a connection that ends with that. It throws away
    // what was typed before.
    ASSERT_TRUE(eventually([&] { return closed() > closed_before; }, kTimeout));
    const std::string at_its_prompt =
        "select count(*) from pg_stat_activity where state = 'idle' and usename = 'alice' and "
        "application_name = 'psql'";
    EXPECT_TRUE(eventually(
        [&] {
            return desktop_->type_in_terminal("alice-password") &&
                   eventually([&] { return stack_->postgres().sql(at_its_prompt) == "1"; }, 2s);
        },
        kTimeout))
        << desktop_->screen();
    ASSERT_TRUE(desktop_->type_in_terminal("\\q"));
    EXPECT_TRUE(eventually([&] { return !desktop_->has_terminal(); }, kTimeout));
    EXPECT_TRUE(eventually([&] { return stack_->postgres().sql(at_its_prompt) == "0"; }));
}

TEST_F(DesktopTest, ConnectsAtTheStartWhatItWasToldToAndRemembersFavourites) {
    const auto alice = at_work("alice", "-start");
    ASSERT_TRUE(desktop_->press("Add to favourites")) << desktop_->screen();
    EXPECT_TRUE(desktop_->shows("Remove from favourites")) << desktop_->screen();
    ASSERT_TRUE(desktop_->press("Connect when Postern starts")) << desktop_->screen();
    EXPECT_TRUE(eventually(
        [&] {
            return alice->laptop().postern({"status", "--json"}).out.find("\"connect_at_start\": true") !=
                   std::string::npos;
        },
        kTimeout))
        << alice->laptop().postern({"status", "--json"}).out;
    ASSERT_TRUE(desktop_->choose({"Quit"}));
    EXPECT_EQ(alice->tray().wait(kTimeout), 0);
    // As when the machine was switched off.
    EXPECT_EQ(alice->laptop().postern({"agent", "--stop"}).exit_code, 0);
    alice->start_tray();
    const int port = alice->open_port();
    EXPECT_TRUE(desktop_->shows(fmt::format("orders-db, Connected on localhost:{}", port)))
        << desktop_->screen();
    EXPECT_TRUE(alice->gets_in(port));
    EXPECT_TRUE(desktop_->shows("Remove from favourites")) << desktop_->screen();
}

TEST_F(DesktopTest, AKilledTrayLeavesTheTunnelAndTheNextOneShowsIt) {
    const auto alice = at_work("alice", "-killed");
    const int port = connect(*alice);
    Process working = alice->sleeping_psql(port);
    wait_until_asleep(working, "alice");
    alice->kill_tray();
    EXPECT_TRUE(alice->gets_in(port));
    EXPECT_TRUE(working.is_running()) << working.err();
    alice->start_tray();
    EXPECT_TRUE(desktop_->shows(fmt::format("orders-db, Connected on localhost:{}", port)));
    EXPECT_TRUE(desktop_->shows("1 open connection")) << desktop_->screen();
    // Its own way out leaves it, too.
    ASSERT_TRUE(desktop_->choose({"Quit"}));
    EXPECT_EQ(alice->tray().wait(kTimeout), 0);
    EXPECT_TRUE(alice->gets_in(port));
    EXPECT_TRUE(working.is_running()) << working.err();
}

TEST_F(DesktopTest, TakesANewcomerFromTheCasAddressToTheDatabase) {
    Person bob(*stack_, "bob", *desktop_, "-new");
    bob.start_tray();
    ASSERT_TRUE(desktop_->shows("Welcome to Postern")) << desktop_->screen();
    ASSERT_TRUE(desktop_->type("Address of the CA service", fmt::format("localhost:{}", free_port())));
    ASSERT_TRUE(desktop_->press("Continue"));
    EXPECT_TRUE(desktop_->shows("The CA service cannot be reached.")) << desktop_->screen();
    ASSERT_TRUE(desktop_->type("Address of the CA service", stack_->ca_url()));
    ASSERT_TRUE(desktop_->press("Continue"));
    ASSERT_TRUE(desktop_->shows("Is this the right CA?")) << desktop_->screen();
    // What somebody else's server would show is not taken.
    ASSERT_TRUE(desktop_->type("Paste the fingerprint", "sha256:" + std::string(64, '0')));
    EXPECT_TRUE(desktop_->shows("They differ.")) << desktop_->screen();
    ASSERT_TRUE(desktop_->type("Paste the fingerprint", stack_->fingerprint()));
    EXPECT_TRUE(desktop_->shows("They are the same."));
    ASSERT_TRUE(desktop_->press("Trust this CA"));
    ASSERT_TRUE(desktop_->shows("text\tPassword")) << desktop_->screen();
    ASSERT_TRUE(desktop_->type("Login name", "bob"));
    ASSERT_TRUE(desktop_->type("Password", "wrong"));
    ASSERT_TRUE(desktop_->press("Sign in"));
    EXPECT_TRUE(desktop_->shows("That name or password is not right.")) << desktop_->screen();
    ASSERT_TRUE(desktop_->type("Password", Stack::password_of("bob")));
    ASSERT_TRUE(desktop_->press("Sign in"));
    ASSERT_TRUE(desktop_->shows("list item\torders-db, Not connected")) << desktop_->screen();
    EXPECT_THAT(desktop_->screen(), HasSubstr("label\tbob"));
    ASSERT_TRUE(desktop_->press("Connect orders-db"));
    const int port = bob.open_port();
    EXPECT_TRUE(desktop_->shows(fmt::format("Connected on localhost:{}", port)));
    EXPECT_TRUE(bob.gets_in(port));
    ASSERT_TRUE(desktop_->press("Disconnect orders-db"));
    EXPECT_TRUE(desktop_->shows("list item\torders-db, Not connected"));
    EXPECT_EQ(psql(port, "select 1", "bob").exit_code, 2);
}

TEST_F(DesktopTest, AKilledAgentIsStartedAgainWithThePortsThatWereOpen) {
    const auto alice = at_work("alice", "-agent");
    const int port = connect(*alice);
    const json status = parse_json(alice->laptop().postern({"status", "--json"}).out);
    const pid_t first = status.at("agent").at("pid");
    ASSERT_EQ(::kill(first, SIGKILL), 0);
    EXPECT_TRUE(desktop_->notifies("Connections lost")) << desktop_->notifications();
    EXPECT_TRUE(eventually([&] { return alice->gets_in(port); }, kTimeout));
    EXPECT_TRUE(desktop_->shows(fmt::format("orders-db, Connected on localhost:{}", port)))
        << desktop_->screen();
}

TEST_F(DesktopTest, SaysThatTheCertificateWasRevokedAndLetsThePersonSignInAgain) {
    const auto bob = at_work("bob", "-revoked");
    const int port = connect(*bob);
    Process working = bob->sleeping_psql(port);
    wait_until_asleep(working, "bob");
    stack_->ca_command({"cert", "revoke", "--user", "bob"});
    EXPECT_TRUE(working.wait(kTimeout));
    EXPECT_TRUE(desktop_->shows("Your certificate was revoked.")) << desktop_->screen();
    EXPECT_TRUE(desktop_->shows("Not signed in any more")) << desktop_->screen();
    EXPECT_TRUE(desktop_->notifies("revoked")) << desktop_->notifications();
    EXPECT_TRUE(desktop_->offers("Sign in")) << desktop_->icon();
    EXPECT_FALSE(bob->gets_in(port));
    ASSERT_TRUE(desktop_->press("Sign in again"));
    ASSERT_TRUE(desktop_->type("Password", Stack::password_of("bob")));
    ASSERT_TRUE(desktop_->press("Sign in"));
    EXPECT_TRUE(eventually([&] { return bob->gets_in(port); }, kTimeout));
    EXPECT_TRUE(desktop_->shows(fmt::format("orders-db, Connected on localhost:{}", port)))
        << desktop_->screen();
    EXPECT_TRUE(desktop_->hides("Your certificate was revoked."));
}

TEST_F(DesktopTest, TellsARefusalInPlainWordsWithTheIdOfTheConnection) {
    Person mallory(*stack_, "mallory", *desktop_, "-refused");
    const int port = mallory.open_orders();
    mallory.start_tray();
    ASSERT_TRUE(desktop_->shows(fmt::format("localhost:{}", port))) << desktop_->screen();
    const ProcessResult refused = psql(port, "select 1", "mallory");
    EXPECT_NE(refused.exit_code, 0);
    const json record = stack_->wait_for_record("connection.rejected", "policy_denied");
    EXPECT_TRUE(desktop_->notifies("orders-db: access refused")) << desktop_->notifications();
    EXPECT_TRUE(desktop_->shows("You may not use this service.")) << desktop_->screen();
    EXPECT_TRUE(desktop_->shows(record.at("postern").at("connection").at("id").get<std::string>()))
        << desktop_->screen();
}

TEST_F(DesktopTest, TellsThatTheGatewayIsLostAndThatItIsBack) {
    const auto alice = at_work("alice", "-gateway");
    const int port = connect(*alice);
    Process working = alice->sleeping_psql(port);
    wait_until_asleep(working, "alice");
    stack_->kill_gateway();
    EXPECT_TRUE(working.wait(kTimeout));
    EXPECT_TRUE(desktop_->shows("The gateway cannot be reached.")) << desktop_->screen();
    EXPECT_TRUE(desktop_->notifies("onnection lost")) << desktop_->notifications();
    stack_->start_gateway();
    // Nobody has to try first.
    EXPECT_TRUE(desktop_->shows(fmt::format("orders-db, Connected on localhost:{}", port)))
        << desktop_->screen();
    EXPECT_TRUE(desktop_->notifies("Connection is back")) << desktop_->notifications();
    EXPECT_TRUE(alice->gets_in(port));
}

TEST_F(DesktopTest, FollowsTheDesktopIntoTheDark) {
    const Desktop desktop(Desktop::Tray::status_notifier);
    Person alice(*stack_, "alice", desktop, "-dark");
    alice.start_tray();
    ASSERT_TRUE(desktop.shows("Welcome to Postern"));
    // Kept so that the next first frame has the right colours; what dark looks like is the unit tests'
    // matter.
    const auto knows_dark = [&] {
        std::ifstream kept(alice.laptop().config() / "tray.ini");
        const std::string text{std::istreambuf_iterator<char>(kept), std::istreambuf_iterator<char>()};
        return text.find("system_is_dark=true") != std::string::npos;
    };
    EXPECT_FALSE(knows_dark());
    desktop.turn_dark();
    EXPECT_TRUE(eventually(knows_dark, kTimeout));
}

TEST_F(DesktopTest, ALinkOpensTheWindowThatIsThereAndAsks) {
    const auto alice = at_work("alice", "-link");
    ProcessOptions options = alice->options();
    const std::filesystem::path data = stack_->folder() / "link-data";
    std::filesystem::create_directories(data / "applications");
    std::filesystem::copy_file(kDesktopEntry, data / "applications" / "postern-tray.desktop");
    options.environment["XDG_DATA_HOME"] = data;
    options.environment["PATH"] = program("").string() + ":/usr/bin:/bin";
    const ProcessResult valid = run({"desktop-file-validate", kDesktopEntry});
    EXPECT_EQ(valid.exit_code, 0) << valid.out;
    ASSERT_EQ(run({"update-desktop-database", data / "applications"}, options).exit_code, 0);
    EXPECT_EQ(run({"xdg-mime", "query", "default", "x-scheme-handler/postern"}, options).out,
              "postern-tray.desktop\n");
    EXPECT_EQ(run({"xdg-open", "postern://connect/orders-db"}, options).exit_code, 0);
    ASSERT_TRUE(desktop_->shows("Connect to “orders-db”?")) << desktop_->screen();
    EXPECT_TRUE(desktop_->icon().at("menu").dump().find("orders-db · localhost") == std::string::npos)
        << "nothing is opened before a person has said yes";
    ASSERT_TRUE(desktop_->press("Connect"));
    EXPECT_TRUE(alice->gets_in(alice->open_port()));
    const ProcessResult wrong = run({program("postern-tray"), "postern://disconnect/orders-db"}, options);
    EXPECT_EQ(wrong.exit_code, 2) << wrong.err;
}

// Their own stack: certificates that end while one waits.
TEST(DesktopWithShortLives, SaysThatTheCaIsAwayOnceThatMatters) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"15s\"\n";
    Stack stack(options);
    const Desktop desktop(Desktop::Tray::status_notifier);
    Person alice(stack, "alice", desktop, "-short");
    ASSERT_EQ(alice.laptop().login().exit_code, 0);
    alice.start_tray();
    ASSERT_TRUE(desktop.choose({"orders-db", "Connect"}));
    const int port = alice.open_port();
    EXPECT_TRUE(alice.gets_in(port));
    stack.kill_ca();
    EXPECT_TRUE(desktop.shows("The CA service cannot be reached.")) << desktop.screen();
    EXPECT_TRUE(desktop.shows(fmt::format("Port {} is open, certificate not valid", port)))
        << desktop.screen();
    EXPECT_TRUE(desktop.notifies("The CA service cannot be reached.")) << desktop.notifications();
    EXPECT_TRUE(eventually([&] { return !alice.gets_in(port); }, kTimeout));
    EXPECT_THAT(desktop.screen(), Not(HasSubstr("The gateway cannot be reached.")));
    stack.start_ca();
    EXPECT_TRUE(desktop.hides("The CA service cannot be reached.")) << desktop.screen();
    EXPECT_TRUE(desktop.shows(fmt::format("orders-db, Connected on localhost:{}", port)));
    EXPECT_TRUE(alice.gets_in(port));
}

TEST(DesktopWithShortLives, APsqlThatNeedsALoginWaitsWhileTheWindowAsksForIt) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"8s\"\nsession_lifetime = \"8s\"\n";
    Stack stack(options);
    const Desktop desktop(Desktop::Tray::status_notifier);
    Person alice(stack, "alice", desktop, "-waiting");
    ASSERT_EQ(alice.laptop().login().exit_code, 0);
    alice.start_tray({"--background"});
    ASSERT_TRUE(desktop.choose({"orders-db", "Connect"}));
    const int port = alice.open_port();
    EXPECT_THAT(desktop.screen(), Not(HasSubstr("orders-db"))) << "the window was not asked for";
    EXPECT_TRUE(desktop.notifies("Your login has ended.")) << desktop.notifications();
    ProcessOptions password;
    password.environment = {{"PGPASSWORD", "alice-password"}};
    Process waiting({"psql", "-X", "-At", "-h", "localhost", "-p", std::to_string(port), "-U", "alice", "-d",
                     "orders", "-c", "select 'let in'"},
                    password);
    ASSERT_TRUE(desktop.shows("text\tPassword")) << desktop.screen() << waiting.err();
    EXPECT_TRUE(desktop.notifies("A program waits for you to sign in")) << desktop.notifications();
    ASSERT_TRUE(desktop.type("Password", Stack::password_of("alice")));
    ASSERT_TRUE(desktop.press("Sign in"));
    EXPECT_EQ(waiting.wait(kTimeout), 0) << waiting.err();
    EXPECT_EQ(waiting.out(), "let in\n");
}

TEST(DesktopByPointer, TheMenuOfAnIconInAPanelConnects) {
    Stack stack;
    const Desktop desktop(Desktop::Tray::xembed);
    Person alice(stack, "alice", desktop, "-pointer");
    ASSERT_EQ(alice.laptop().login().exit_code, 0);
    alice.start_tray({"--background"});
    // The menu may open before the agent has told its services: then it has nothing that opens more.
    ASSERT_TRUE(desktop.click_first_of_first_submenu());
    const int port = alice.open_port();
    EXPECT_TRUE(alice.gets_in(port));
    EXPECT_THAT(desktop.screen(), Not(HasSubstr("list item"))) << "the window was not asked for";
    ASSERT_TRUE(desktop.click_icon());
    EXPECT_TRUE(desktop.shows(fmt::format("orders-db, Connected on localhost:{}", port))) << desktop.screen();
    ASSERT_TRUE(desktop.click_first_of_first_submenu());
    EXPECT_TRUE(desktop.shows("orders-db, Not connected")) << desktop.screen();
    EXPECT_EQ(psql(port, "select 1").exit_code, 2);
}

TEST(DesktopWithoutATray, ShowsTheWindowEvenWhenToldToStayInTheBackground) {
    Stack stack;
    const Desktop desktop(Desktop::Tray::none);
    Person alice(stack, "alice", desktop, "-no-tray");
    alice.start_tray({"--background"});
    EXPECT_TRUE(desktop.shows("Welcome to Postern")) << desktop.screen();
}

// The desktop's tray may start after the programs that start with the desktop.
TEST(DesktopWithoutATray, FindsATrayThatComesLater) {
    Stack stack;
    Desktop desktop(Desktop::Tray::none);
    Person alice(stack, "alice", desktop, "-late-tray");
    alice.start_tray();
    ASSERT_TRUE(desktop.shows("Welcome to Postern")) << desktop.screen();
    desktop.start_tray();
    EXPECT_TRUE(desktop.offers("Open Postern")) << desktop.icon();
}

TEST(DesktopWithoutATray, NotifiesAllTheSame) {
    Stack stack;
    const Desktop desktop(Desktop::Tray::notifications_only);
    Person mallory(stack, "mallory", desktop, "-no-icon");
    const int port = mallory.open_orders();
    mallory.start_tray();
    ASSERT_TRUE(desktop.shows(fmt::format("localhost:{}", port))) << desktop.screen();
    EXPECT_NE(psql(port, "select 1", "mallory").exit_code, 0);
    EXPECT_TRUE(desktop.notifies("orders-db: access refused")) << desktop.notifications();
}

/// Agents and what the session bus starts have no parent: they come to this process, and must have ended.
class NothingIsLeft : public testing::Environment {
public:
    void SetUp() override { ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
    void TearDown() override {
        const bool has_none = eventually(
            [] {
                pid_t ended = 0;
                while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
                }
                return ended < 0 && errno == ECHILD;
            },
            kTimeout);
        EXPECT_TRUE(has_none) << "processes are left: "
                              << run({"ps", "--ppid", std::to_string(::getpid()), "-f"}).out;
    }
};

[[maybe_unused]] const auto* const kNothingIsLeft = testing::AddGlobalTestEnvironment(new NothingIsLeft);

}  // namespace
}  // namespace postern::test
