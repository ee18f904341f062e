// The whole service in this process, and its own command line.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ca-service/commands/run.hpp"
#include "ca-service/password.hpp"
#include "ca-service/api/service.hpp"
#include "ca-service/store/users.hpp"
#include "http/client.hpp"
#include "pki/crl.hpp"
#include "pki/csr.hpp"
#include "unit/ca_support.hpp"
#include "unit/gateway_visitor.hpp"

namespace postern::ca {

/// Runs the program's own command line; its exit code, and what it printed.
struct Ran {
    int exit_code = 0;
    std::string out;
    std::string err;
};
inline Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "postern-ca");
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.exit_code = commands::run(static_cast<int>(arguments.size()), argv.data());
    std::fflush(stdout);
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
}

using gateway::eventually;

class CaService : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    std::filesystem::path ca_ = directory_.path() / "ca";
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<Service> service_;
    pki::PrivateKey key_ = pki::PrivateKey::generate_p256().value();
    std::string csr_ = pki::make_csr_pem(key_, "whatever").value();
    const SystemTime now_ = std::chrono::floor<std::chrono::seconds>(system_clock()());

    static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }

    void SetUp() override {
        const Ran made = run({"--dir", ca_, "init", "--name", "localhost", "--trust-domain", "example.org"});
        ASSERT_EQ(made.exit_code, 0) << made.err;
        database_ = std::make_unique<store::Database>(store::Database::open(ca_ / "state.db").value());
        store::User alice;
        alice.name = "alice";
        alice.password_hash = PasswordHasher().hash(Secret(std::string_view("correct horse")));
        alice.groups = {"analysts"};
        ASSERT_TRUE(store::add_user(*database_, alice));
        start(config());
    }
    Config config() const { return Config::load(ca_ / "ca.toml", ca_).value(); }
    void start(Config config, Clock clock = system_clock()) {
        service_.reset();
        config.listen.port = "0";
        auto started =
            Service::start({ca_, ca_ / "ca.toml", ca_ / "state.db"}, std::move(config), std::move(clock));
        ASSERT_TRUE(started) << started.error().detail;
        service_ = std::move(*started);
    }

    /// The program's command line, on this CA.
    Ran ca(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--dir", ca_.string()});
        return run(std::move(arguments));
    }
    http::Client client(std::optional<net::TlsCredentials> credentials = std::nullopt) const {
        http::ClientOptions options;
        options.url = "https://localhost:" + std::to_string(service_->port());
        options.server_ca = pki::TrustBundle::load(ca_ / "server-ca.pem").value();
        options.trust_domain = "example.org";
        options.credentials = std::move(credentials);
        return http::Client::make(std::move(options)).value();
    }
    http::ClientAnswer login(const std::string& user, const std::string& password) const {
        const nlohmann::json body{{"username", user}, {"password", password}, {"csr", csr_}};
        return client().post_json("/v1/login", json_text(body)).value();
    }
    /// Asks, with a guess, until none is judged any more: how many that took. Where a guess takes long, the wait for the next one
    /// can be over before it is asked.
    static std::size_t guess_until_they_wait(const std::function<unsigned()>& status_of_guess) {
        constexpr std::size_t kMost = 100;
        for (std::size_t guesses = 1; guesses <= kMost; ++guesses) {
            const unsigned status = status_of_guess();
            if (status == 429U) {
                return guesses;
            }
            EXPECT_EQ(status, 401U);
        }
        ADD_FAILURE() << "each of " << kMost << " guesses was judged";
        return kMost;
    }
    net::TlsCredentials credentials_of(const http::ClientAnswer& answer) const {
        EXPECT_EQ(answer.status, 200U) << answer.body;
        const std::string pem = parse_json(answer.body).at("certificate");
        return {key_, pki::certificates_from_pem(pem).value()};
    }
    http::ClientAnswer renew(const net::TlsCredentials& credentials) const {
        return client(credentials).post_json("/v1/renew", nlohmann::json{{"csr", csr_}}.dump()).value();
    }
    /// The published list, as soon as it speaks of the certificate; the last one that was seen when it does
    /// not for ten seconds.
    pki::Crl list_with(const net::TlsCredentials& revoked) const {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (true) {
            auto list =
                pki::Crl::verify(client().get("/v1/crl").value().body, revoked.chain.back()).value();
            if (list.find(revoked.chain.front().serial()) || std::chrono::steady_clock::now() > end) {
                return list;
            }
            std::this_thread::yield();
        }
    }
    static Code code_of(const http::ClientAnswer& answer) {
        EXPECT_TRUE(answer.problem) << answer.body;
        return answer.problem ? answer.problem->code : Code::internal;
    }
    /// The actions in the audit log, with reasons.
    std::vector<std::string> records() const {
        std::vector<std::string> actions;
        std::istringstream log(test::read(ca_ / "audit.jsonl"));
        for (std::string line; std::getline(log, line);) {
            const nlohmann::json record = parse_json(line);
            const nlohmann::json& event = record.at("event");
            actions.push_back(event.value("action", "") +
                              (event.contains("reason") ? ":" + event.value("reason", "") : ""));
        }
        return actions;
    }
};

}  // namespace postern::ca
