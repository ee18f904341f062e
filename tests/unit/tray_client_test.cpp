// The control socket's other end, against a scripted agent; and one tray a person.
#include <QFile>
#include <QSignalSpy>

#include "desktop-tray/platform/single_instance.hpp"
#include "tray_support.hpp"

namespace postern::test {
namespace {

using namespace postern::tray;

class AgentClientTest : public TrayTest {
protected:
    /// An agent that does no more than leave a mark, and how often it did.
    AgentClientOptions options_with_launch() const {
        AgentClientOptions options = client_options();
        options.launch = {"/bin/sh", "-c", "echo once >> " + mark_};
        return options;
    }
    qsizetype launches() const {
        QFile file(mark_);
        return file.open(QIODevice::ReadOnly) ? file.readAll().count('\n') : 0;
    }
    const QString mark_ = home_.path() + "/started";

    bool becomes(AgentClient& client, AgentClient::Status status) {
        return soon([&] { return client.status() == status; });
    }
};

TEST_F(AgentClientTest, KnowsTheStateOfAnAgentThatRunsAlready) {
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    EXPECT_EQ(client.state().services().size(), 5);
    EXPECT_EQ(agent_.last("hello")["client"].toString(), "postern-tray");
    EXPECT_TRUE(agent_.last("hello")["asks_login"].toBool());
}

TEST_F(AgentClientTest, StartsTheAgentWhereNoneRuns) {
    AgentClientOptions options = options_with_launch();
    options.timeout = std::chrono::seconds(20);
    AgentClient client(options);
    client.start();
    ASSERT_TRUE(soon([&] { return launches() > 0; }));
    agent_.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    EXPECT_EQ(launches(), 1);
}

TEST_F(AgentClientTest, StartsAnAgentAgainThatDiedSoonAfterItWasStarted) {
    AgentClientOptions options = options_with_launch();
    options.launch_pause = std::chrono::milliseconds(500);
    AgentClient client(options);
    client.start();
    ASSERT_TRUE(soon([&] { return launches() == 1; }));
    agent_.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.stop();
    EXPECT_TRUE(soon([&] { return launches() == 2; }));
}

TEST_F(AgentClientTest, DoesNotStartForEverAnAgentThatNeverAnswers) {
    AgentClientOptions options = options_with_launch();
    options.launch_pause = std::chrono::milliseconds(20);
    options.timeout = std::chrono::milliseconds(50);
    AgentClient client(options);
    client.start();
    ASSERT_TRUE(soon([&] { return launches() == 5; }));
    EXPECT_EQ(client.status(), AgentClient::Status::failed);
    QTest::qWait(500);
    EXPECT_EQ(launches(), 5);
}

TEST_F(AgentClientTest, SaysThatNoAgentCanBeReachedAndStillFindsALaterOne) {
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::failed));
    EXPECT_EQ(client.failure().reason, "agent_unreachable");
    agent_.start();
    EXPECT_TRUE(becomes(client, AgentClient::Status::ready));
}

TEST_F(AgentClientTest, ForgetsTheStateWhenTheAgentGoesAndComesBackToTheNext) {
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.stop();
    ASSERT_TRUE(soon([&] { return !client.state().is_known(); }));
    agent_.state["login"] = QJsonValue();
    agent_.start();
    ASSERT_TRUE(soon([&] { return client.state().is_known(); }));
    EXPECT_FALSE(client.state().login());
}

TEST_F(AgentClientTest, TellsThatConnectionsAreLostWhenTheAgentWasKilled) {
    agent_.start();
    AgentClient client(client_options());
    QSignalSpy lost(&client, &AgentClient::connections_lost);
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.stop();
    EXPECT_TRUE(soon([&] { return lost.count() == 1; }));
}

TEST_F(AgentClientTest, TellsNoLossWhenTheAgentWasEndedOrHadNothingOpen) {
    agent_.start();
    AgentClient client(client_options());
    QSignalSpy lost(&client, &AgentClient::connections_lost);
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.notify("shutdown", QJsonObject());
    agent_.notify("event", QJsonObject{{"kind", "login"}});
    ASSERT_TRUE(soon([&] { return !client.state().events().isEmpty(); }));
    agent_.stop();
    ASSERT_TRUE(soon([&] { return !client.state().is_known(); }));
    agent_.state["services"] = QJsonArray{scripted_service("orders-db", "disconnected", 5432)};
    agent_.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.stop();
    ASSERT_TRUE(soon([&] { return !client.state().is_known(); }));
    EXPECT_EQ(lost.count(), 0);
}

TEST_F(AgentClientTest, AnswersEveryQuestionWhenTheAgentGoes) {
    agent_.start();
    agent_.keep_silent_about("login");
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    std::optional<Answer> answer;
    client.ask("login", {}, &client, [&](const Answer& got) { answer = got; });
    ASSERT_TRUE(soon([&] { return agent_.count("login") == 1; }));
    agent_.stop();
    ASSERT_TRUE(soon([&] { return answer.has_value(); }));
    ASSERT_TRUE(answer->error);
    EXPECT_EQ(answer->error->reason, "agent_gone");
}

TEST_F(AgentClientTest, GivesUpAQuestionAtItsDeadline) {
    agent_.start();
    agent_.keep_silent_about("connect");
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    std::optional<Answer> answer;
    client.ask(
        "connect", {}, &client, [&](const Answer& got) { answer = got; }, std::chrono::milliseconds(1));
    ASSERT_TRUE(soon([&] { return answer.has_value(); }));
    EXPECT_EQ(answer->error->reason, "timed_out");
}

TEST_F(AgentClientTest, DoesNotAnswerToWhatIsGone) {
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    auto asker = std::make_unique<QObject>();
    bool was_called = false;
    client.ask("login.methods", {}, asker.get(), [&](const Answer&) { was_called = true; });
    asker.reset();
    ASSERT_TRUE(soon([&] { return agent_.count("login.methods") == 1; }));
    agent_.notify("event", QJsonObject{{"kind", "login"}});
    ASSERT_TRUE(soon([&] { return !client.state().events().isEmpty(); }));
    EXPECT_FALSE(was_called);
}

TEST_F(AgentClientTest, RefusesAnAgentOfAnotherProtocol) {
    agent_.protocol = 2;
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::failed));
    EXPECT_EQ(client.failure().reason, "other_protocol");
    EXPECT_FALSE(client.state().is_known());
}

TEST_F(AgentClientTest, CutsAnEndlessLine) {
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.send_raw(QByteArray((1 << 20) + 4096, 'x'));
    EXPECT_TRUE(soon([&] { return agent_.count("hello") >= 2; }));
}

TEST_F(AgentClientTest, IgnoresLinesThatAreNoMessages) {
    agent_.start();
    AgentClient client(client_options());
    client.start();
    ASSERT_TRUE(becomes(client, AgentClient::Status::ready));
    agent_.send_raw("\n{}\nnull\n[1]\n{\"id\":999,\"result\":{}}\n{\"method\":5}\n\xff\xfe\n");
    agent_.notify("service", scripted_service("stock-db", "connected", 6000));
    ASSERT_TRUE(soon([&] { return client.state().service("stock-db")->port == 6000; }));
    EXPECT_EQ(agent_.count("hello"), 1);
}

TEST_F(AgentClientTest, SaysThatASessionWithoutARuntimeFolderCannotWork) {
    AgentClientOptions options = client_options();
    options.socket.clear();
    AgentClient client(options);
    client.start();
    EXPECT_EQ(client.status(), AgentClient::Status::failed);
    EXPECT_EQ(client.failure().reason, "no_runtime_dir");
}

class SingleInstanceTest : public TrayTest {};

TEST_F(SingleInstanceTest, TheSecondHandsItsWishToTheFirst) {
    SingleInstance first(home_.path() + "/postern");
    ASSERT_TRUE(first.claim("show"));
    QStringList wishes;
    QObject::connect(&first, &SingleInstance::wished, &first,
                     [&](const QString& wish) { wishes.append(wish); });
    SingleInstance second(home_.path() + "/postern");
    EXPECT_FALSE(second.claim("postern://connect/orders-db"));
    ASSERT_TRUE(soon([&] { return !wishes.isEmpty(); }));
    EXPECT_EQ(wishes, QStringList{"postern://connect/orders-db"});
}

TEST_F(SingleInstanceTest, TheNextIsTheFirstWhenTheFirstEnded) {
    {
        SingleInstance first(home_.path() + "/postern");
        ASSERT_TRUE(first.claim("show"));
    }
    SingleInstance next(home_.path() + "/postern");
    EXPECT_TRUE(next.claim("show"));
}

TEST_F(SingleInstanceTest, DropsAWishThatIsTooLongOrNotALine) {
    SingleInstance first(home_.path() + "/postern");
    ASSERT_TRUE(first.claim("show"));
    QStringList wishes;
    QObject::connect(&first, &SingleInstance::wished, &first,
                     [&](const QString& wish) { wishes.append(wish); });
    QLocalSocket stranger;
    stranger.connectToServer(home_.path() + "/postern/tray.sock");
    ASSERT_TRUE(stranger.waitForConnected(5000));
    stranger.write(QByteArray(4096, 'x'));
    ASSERT_TRUE(soon([&] { return stranger.state() == QLocalSocket::UnconnectedState; }));
    SingleInstance second(home_.path() + "/postern");
    EXPECT_FALSE(second.claim("show"));
    ASSERT_TRUE(soon([&] { return !wishes.isEmpty(); }));
    EXPECT_EQ(wishes, QStringList{"show"});
}

}  // namespace
}  // namespace postern::test
