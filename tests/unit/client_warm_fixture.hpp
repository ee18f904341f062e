// A real gateway and an agent before it, with a line between them that can be cut, and logins that change.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "client-proxy/agent/agent.hpp"
#include "support/relay.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::client {

using namespace std::chrono_literals;
using gateway::connect_to;
using gateway::eventually;
using gateway::real_now;
using test::Relay;

class Heard final : public EventSink {
public:
    void note(Event event) override {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    std::size_t refusals(Code code) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::count_if(
            events_.begin(), events_.end(),
            [&](const Event& event) { return event.kind == EventKind::refused && event.told.code == code; }));
    }

private:
    mutable std::mutex mutex_;
    std::vector<Event> events_;
};

/// A login that tests replace, as a renewal or a logout does.
class ChangingLogin final : public LoginSource {
public:
    explicit ChangingLogin(LoginPtr login) : login_(std::move(login)) {}
    boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds, WaitsFor) override {
        LoginPtr login = latest();
        if (const auto work = take_work()) {
            work();
        }
        if (!login) {
            Refusal nobody{Code::unauthenticated, "logged out", {}, {}};
            co_return std::move(nobody);
        }
        co_return std::move(login);
    }
    LoginPtr latest() const override {
        const std::lock_guard lock(mutex_);
        return login_;
    }
    void change(LoginPtr login) {
        const std::lock_guard lock(mutex_);
        login_ = std::move(login);
    }
    /// Once, on the loop's thread, before the session that asks goes on.
    void at_next_ask(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        at_next_ask_ = std::move(work);
    }

private:
    std::function<void()> take_work() {
        const std::lock_guard lock(mutex_);
        return std::exchange(at_next_ask_, nullptr);
    }

    mutable std::mutex mutex_;
    LoginPtr login_;
    std::function<void()> at_next_ask_;
};

class WarmConnections : public gateway::GatewayFixture {
protected:
    void TearDown() override {
        agent_.reset();
        GatewayFixture::TearDown();
    }

    void run(WarmOptions warm = {}, const std::string& limits = {}) {
        // One person opens many at once here.
        start(service("echo", echo_port()) + "connections_per_identity = 1000\nconnections = 1000\n" + rule("echo"), limits);
        line_.emplace(port());
        alice_ = mint("alice");
        logins_ = std::make_shared<ChangingLogin>(login(*alice_, {{"gw1", at(line_->port())}}));
        begin(warm);
    }
    void begin(WarmOptions warm, DialTimeouts dial = {}) {
        AgentOptions options;
        options.loops = 1;
        options.rules.warm = warm;
        options.dial = dial;
        options.show_pause = 10ms;
        agent_ = std::make_unique<Agent>(heard_, options);
        agent_->start();
        port_ = open(false);
    }
    LocalPortPtr open(bool is_postgres) {
        PortOrder order;
        order.service = "echo";
        order.mode = Mode::passthrough;
        order.is_postgres = is_postgres;
        order.logins = logins_;
        return agent_->open(order).value();
    }
    static std::string at(int port) { return fmt::format("127.0.0.1:{}", port); }
    LoginPtr login(const pki::KeyAndCertificate& leaf, std::vector<GatewayEntry> gateways) const {
        Catalogue catalogue;
        catalogue.gateways = std::move(gateways);
        net::TlsCredentials credentials{leaf.key, {leaf.certificate, user_ca_->issuing.certificate}};
        return Login::make(credentials, server_ca_->bundle, "test.internal", catalogue).value();
    }

    /// As after a renewal.
    void show_renewed() {
        const auto renewed =
            mint("alice", [](test::OddProfile& profile) { profile.not_after = real_now() + 3h; });
        logins_->change(login(renewed, {{"gw1", at(line_->port())}}));
        agent_->show(logins_, logins_->latest());
    }

    bool has_ready(std::size_t number) {
        return eventually([&] { return agent_->warm_connections() == number; });
    }

    /// Whether a byte comes back through a new local connection.
    bool echoes() { return !hello().empty(); }
    std::string hello() {
        const UniqueFd local = connect_to(port_->number);
        return say(local);
    }
    static std::string say(const UniqueFd& local) {
        if (::send(local.get(), "x", 1, MSG_NOSIGNAL) != 1) {
            return {};
        }
        char byte = 0;
        return ::recv(local.get(), &byte, 1, 0) == 1 ? std::string(1, byte) : std::string();
    }

    /// A client that has said that before it is served.
    UniqueFd speak_at_once(const LocalPort& port, const std::string& said) {
        std::promise<void> is_held;
        std::promise<void> goes_on;
        logins_->at_next_ask([&is_held, until = goes_on.get_future().share()] {
            is_held.set_value();
            until.wait();
        });
        UniqueFd local = connect_to(port.number);
        // A session of PostgreSQL's asks for the login once the first packet is there.
        EXPECT_EQ(::send(local.get(), said.data(), said.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(said.size()));
        is_held.get_future().wait();
        goes_on.set_value();
        return local;
    }
    static std::string read(const UniqueFd& local, std::size_t size) {
        std::string heard(size, '\0');
        const ssize_t got = ::recv(local.get(), heard.data(), size, MSG_WAITALL);
        heard.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return heard;
    }

    /// What a client that reads hears instead of bytes: 0 for an orderly end, else errno.
    static int end_of(const UniqueFd& local) {
        char byte = 0;
        const ssize_t got = ::recv(local.get(), &byte, 1, 0);
        EXPECT_LT(got, 1) << "a byte has come";
        return got < 0 ? errno : 0;
    }

    Heard heard_;
    std::optional<Relay> line_;
    std::optional<pki::KeyAndCertificate> alice_;
    std::shared_ptr<ChangingLogin> logins_;
    std::unique_ptr<Agent> agent_;
    LocalPortPtr port_;
};

}  // namespace postern::client
