// Corporate networks: CA and gateway behind an HTTP proxy, here a real one that wants a password and keeps a
// log.
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class HttpProxy : public testing::Test {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        port_ = free_port();
        const auto config = stack_->folder() / "tinyproxy.conf";
        // CONNECT to the CA and the gateway alone.
        const std::string ca_port = stack_->ca_url().substr(stack_->ca_url().rfind(':') + 1);
        std::ofstream(config) << fmt::format(
            "Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 600\nMaxClients 50\nLogLevel Connect\n"
            "BasicAuth proxy-alice hush-hush\nConnectPort {}\nConnectPort {}\n",
            port_, ca_port, stack_->gateway_port());
        proxy_ =
            std::make_unique<Process>(std::vector<std::string>{"tinyproxy", "-d", "-c", config.string()});
        ASSERT_TRUE(eventually([] {
            return run({"curl", "-s", "-o", "/dev/null", fmt::format("http://127.0.0.1:{}/", port_)})
                       .exit_code == 0;
        })) << proxy_->out()
            << proxy_->err();
    }
    static void TearDownTestSuite() {
        proxy_.reset();
        stack_.reset();
    }

    // A login as a laptop whose environment names this proxy. The environment's proxy is not for the
    // loopback, on which the stack is: there the laptop's config.toml names it.
    static ProcessResult login(const Laptop& laptop, std::map<std::string, std::string> environment,
                               const std::string& ca_url = stack_->ca_url()) {
        ProcessOptions options;
        options.environment = std::move(environment);
        options.input = Stack::password_of(laptop.user()) + "\n";
        // The next agent is of this environment.
        EXPECT_EQ(laptop.postern({"agent", "--stop"}).exit_code, 0);
        return laptop.postern({"login", "--ca", ca_url, "--fingerprint", stack_->fingerprint(), "--user",
                               laptop.user(), "--password-stdin"},
                              options);
    }
    static ProcessResult login_through(const Laptop& laptop, const std::string& proxy) {
        const auto file = write_config(laptop, fmt::format("[network]\nproxy = \"{}\"\n", proxy));
        const ProcessResult outcome = login(laptop, {});
        fs::remove(file);
        return outcome;
    }
    static std::string address(const std::string& credentials, int port = port_) {
        return fmt::format("http://{}127.0.0.1:{}", credentials, port);
    }
    static std::string proxy_log() { return proxy_->out() + proxy_->err(); }
    static fs::path write_config(const Laptop& laptop, const std::string& text) {
        const fs::path file =
            fs::path(laptop.options().environment.at("XDG_CONFIG_HOME")) / "postern" / "config.toml";
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
        fs::permissions(file, fs::perms(0600));
        return file;
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Process> proxy_;
    static int port_;
};

std::unique_ptr<Stack> HttpProxy::stack_;
std::unique_ptr<Process> HttpProxy::proxy_;
int HttpProxy::port_ = 0;

TEST_F(HttpProxy, CarriesLoginAndTunnels) {
    const Laptop alice(*stack_, "alice");
    const auto file =
        write_config(alice, fmt::format("[network]\nproxy = \"{}\"\n", address("proxy-alice:hush-hush@")));
    // The file goes before the environment, which names a proxy that is not there.
    const ProcessResult logged_in = login(alice, {{"HTTPS_PROXY", address("", 1)}});
    ASSERT_EQ(logged_in.exit_code, 0) << logged_in.err << proxy_log();
    Agent agent(alice);
    const ProcessResult outcome = psql(agent.port(), "select 6 * 7");
    EXPECT_EQ(outcome.out, "42\n") << outcome.err;
    EXPECT_THAT(proxy_log(), HasSubstr(fmt::format("CONNECT {}", stack_->ca_url().substr(8))));
    EXPECT_THAT(proxy_log(), HasSubstr(fmt::format("CONNECT {}", stack_->gateway_address())));
    EXPECT_THAT(agent.process().out() + agent.process().err(), Not(HasSubstr("hush-hush")));

    // Once open, the tunnel ends when the proxy does, and that is told.
    const ProcessResult services = alice.postern({"services"});
    EXPECT_THAT(services.out, HasSubstr("orders-db")) << services.err;
    fs::remove(file);
}

TEST_F(HttpProxy, IsGoneRoundWhereNoProxySaysSo) {
    const Laptop bob(*stack_, "bob");
    const auto file = write_config(bob, fmt::format("[network]\nproxy = \"{}\"\n", address("", 1)));
    EXPECT_EQ(login(bob, {}).exit_code, 5);
    const ProcessResult outcome = login(bob, {{"NO_PROXY", "example.org, localhost"}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    fs::remove(file);
}

TEST_F(HttpProxy, OfTheEnvironmentIsNotForTheLoopback) {
    const Laptop bob(*stack_, "bob");
    const ProcessResult outcome = login(bob, {{"HTTPS_PROXY", address("", 1)}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(HttpProxy, OfTheEnvironmentIsForEveryOtherCa) {
    const Laptop carol(*stack_, "carol");
    const ProcessResult outcome = login(carol, {{"HTTPS_PROXY", address("")}}, "https://ca.example.org:7444");
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err,
                HasSubstr(fmt::format("the proxy 127.0.0.1:{} wants a user name and a password", port_)));
}

TEST_F(HttpProxy, ThatWantsAPasswordIsNamed) {
    const Laptop carol(*stack_, "carol");
    const ProcessResult outcome = login_through(carol, address(""));
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err,
                HasSubstr(fmt::format("the proxy 127.0.0.1:{} wants a user name and a password", port_)));
    EXPECT_THAT(outcome.err, HasSubstr("hint: Put them into the proxy's address"));
}

TEST_F(HttpProxy, ThatTakesNoSuchPasswordIsNamedAndThePasswordIsNot) {
    const Laptop carol(*stack_, "carol");
    const ProcessResult outcome = login_through(carol, address("proxy-alice:wrong-word@"));
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err, HasSubstr("does not take this user name and password"));
    EXPECT_THAT(outcome.err + outcome.out, Not(HasSubstr("wrong-word")));
}

TEST_F(HttpProxy, ThatIsNotThereIsNamed) {
    const Laptop carol(*stack_, "carol");
    const ProcessResult outcome = login_through(carol, address("proxy-alice:hush-hush@", 1));
    EXPECT_EQ(outcome.exit_code, 5);
    EXPECT_THAT(outcome.err, HasSubstr("the proxy 127.0.0.1:1 cannot be reached"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("hush-hush")));
}

TEST_F(HttpProxy, ThatIsNoneIsNamed) {
    const Laptop carol(*stack_, "carol");
    const ProcessResult wrong_kind = login(carol, {{"HTTPS_PROXY", "socks5://127.0.0.1:1080"}});
    EXPECT_EQ(wrong_kind.exit_code, 3);
    EXPECT_THAT(wrong_kind.err, HasSubstr("HTTPS_PROXY"));
    // A PostgreSQL, which answers to what is no start-up packet by closing.
    const ProcessResult no_proxy = login_through(carol, address("", stack_->postgres().port()));
    EXPECT_EQ(no_proxy.exit_code, 5);
    EXPECT_THAT(no_proxy.err, HasSubstr("proxy"));
}

TEST_F(HttpProxy, ThatDoesNotAllowTheGatewayIsNamedInPsql) {
    const Laptop bob(*stack_, "bob");
    ASSERT_EQ(login(bob, {}).exit_code, 0);
    const auto config = stack_->folder() / "strict.conf";
    const int port = free_port();
    std::ofstream(config) << fmt::format("Port {}\nListen 127.0.0.1\nConnectPort 443\n", port);
    Process strict({"tinyproxy", "-d", "-c", config.string()});
    ASSERT_TRUE(eventually([&] {
        return run({"curl", "-s", "-o", "/dev/null", fmt::format("http://127.0.0.1:{}/", port)}).exit_code ==
               0;
    }));
    const auto file = write_config(bob, fmt::format("[network]\nproxy = \"{}\"\n", address("", port)));
    ASSERT_EQ(bob.postern({"agent", "--stop"}).exit_code, 0);
    Agent agent(bob);
    const ProcessResult outcome = psql(agent.port(), "select 1", "bob");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err,
                HasSubstr(fmt::format(
                    "the gateway gw1 cannot be reached: the proxy 127.0.0.1:{} answered 403", port)));
    EXPECT_THAT(outcome.err, HasSubstr("HINT:  Check the proxy's address"));
    fs::remove(file);
}

}  // namespace
}  // namespace postern::test
