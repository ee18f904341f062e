// Renewals at a CA service of the test's own: its clock, what it issues, and a disk that takes nothing.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "client-proxy/login/login_standing.hpp"
#include "client-proxy/login/renewed_login.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "http/http_date.hpp"
#include "http/https_service.hpp"
#include "pki/csr.hpp"
#include "unit/client_support.hpp"
#include "unit/file_size_limit.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

/// Renews whatever it is asked to. By a clock that is as far from this machine's as it is told.
class ScriptedCa {
public:
    explicit ScriptedCa(const People& people) : people_(people) {
        std::signal(SIGPIPE, SIG_IGN);
        test::OddProfile profile = test::login_profile("localhost", client::now());
        profile.groups.clear();
        profile.session_id.clear();
        profile.uris = {"spiffe://example.org/ca/localhost"};
        profile.names = {"localhost"};
        profile.usage = test::Usage::server_auth;
        // A clock is believed within it.
        profile.not_before = client::now() - 3h;
        profile.not_after = client::now() + 3h;
        auto own = test::mint(profile, people.servers.issuing).value();
        const net::TlsCredentials credentials{own.key, {own.certificate, people.servers.issuing.certificate}};
        auto tls = net::TlsContext::server(credentials, people.users.bundle,
                                           net::ClientCertificate::optional_and_maybe_expired)
                       .value();
        service_ = std::make_unique<http::HttpsService>(
            loops_, net::Listener::bind(net::parse_address("127.0.0.1:0").value()).value(), std::move(tls),
            http::HttpsLimits(),
            [this](http::Request request, http::ClientInfo client) {
                return answer(this, std::move(request), std::move(client));
            },
            [](http::RejectedConnection) { return ignore(); });
        loops_.start();
    }
    ~ScriptedCa() { loops_.stop(); }

    std::string url() const { return "https://localhost:" + std::to_string(service_->port()); }
    SystemTime now() const { return client::now() + std::chrono::seconds(ahead_); }
    std::vector<std::string> renewed_serials() const {
        const std::lock_guard lock(mutex_);
        return renewed_;
    }
    std::size_t renewals() const { return renewed_serials().size(); }

    /// Of its clock, before this machine's.
    std::atomic<std::int64_t> ahead_ = 0;
    std::atomic<std::int64_t> lifetime_ = 3600;
    /// What is left of the login session.
    std::atomic<std::int64_t> session_ = 12 * 3600;

private:
    static boost::asio::awaitable<void> ignore() { co_return; }
    static boost::asio::awaitable<http::Response> answer(ScriptedCa* ca, http::Request request,
                                                         http::ClientInfo client) {
        http::Response response = request.target() == "/v1/trust" ? http::json_response(200, ca->trust())
                                                                  : ca->renew(request, client);
        response.set(boost::beast::http::field::date, http::to_http_date(ca->now()));
        co_return response;
    }
    std::string trust() const {
        const nlohmann::json told = {{"trust_domain", "example.org"},
                                     {"user_ca", people_.users.bundle.pem()},
                                     {"server_ca", people_.servers.bundle.pem()}};
        return json_text(told);
    }
    http::Response renew(const http::Request& request, const http::ClientInfo& client) {
        {
            const std::lock_guard lock(mutex_);
            renewed_.push_back(client.peer.certificate ? client.peer.certificate->serial() : "nobody");
        }
        const auto asked = parse_json(request.body());
        const auto key = pki::public_key_from_csr(asked.at("csr").get<std::string>()).value();
        const auto session = std::chrono::seconds(session_);
        const auto lifetime = std::min(std::chrono::seconds(lifetime_), session);
        pki::LoginProfile profile{"alice",     {"analysts"},     "s-1", "example.org",
                                  now() - 60s, now() + lifetime, ""};
        if (lifetime < 0s) {
            profile.not_before = now() + lifetime - 3600s;
        }
        const auto certificate = people_.users.issuer.issue_login(key, profile).value();
        const nlohmann::json told = {
            {"certificate", pki::to_pem({certificate, people_.users.issuing.certificate})},
            {"user", "alice"},
            {"groups", {"analysts"}},
            {"trust_domain", "example.org"},
            {"session", {{"id", "s-1"}, {"expires", format_time(now() + session)}}},
            {"renew_after", format_time(now() + lifetime * 2 / 3)},
            {"catalogue", catalogue_json()}};
        return http::json_response(200, json_text(told));
    }

    const People& people_;
    mutable std::mutex mutex_;
    std::vector<std::string> renewed_;
    net::EventLoops loops_{1};
    std::unique_ptr<http::HttpsService> service_;
};

class RenewalAtACa : public testing::Test {
protected:
    void SetUp() override { ca_clock().forget(); }
    void TearDown() override { ca_clock().forget(); }

    ProfileFolder keep(const LoginPtr& login) {
        auto folder = ProfileFolder::open(folder_.path() / "postern").value();
        Profile made = profile();
        made.ca_url = ca_.url();
        made.renew_after = login->renew_after();
        EXPECT_TRUE(folder.save(made).has_value());
        EXPECT_TRUE(write_file(folder.server_ca(), people_.servers.bundle.pem(), 0600).has_value());
        EXPECT_TRUE(login->credentials().key.save(folder.login_key()).has_value());
        EXPECT_TRUE(write_file(folder.login_certificate(), pki::to_pem(login->credentials().chain), 0600)
                        .has_value());
        // What a renewal waits for is there before the disk is full.
        EXPECT_TRUE(folder.lock("login.lock").has_value());
        return folder;
    }
    static Outcome<LoginPtr> current(LoginSource& source) {
        boost::asio::io_context loop(1);
        auto outcome =
            boost::asio::co_spawn(loop, source.current(30s, WaitsFor::renewal), boost::asio::use_future);
        loop.run();
        return outcome.get();
    }
    /// Whoever asks is told that, thirty times on end, and the CA is asked no more often than the pauses allow.
    void expect_told_with_pauses(LoginSource& source, const testing::Matcher<const Refusal&>& told) const {
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < 30; ++i) {
            const auto outcome = current(source);
            ASSERT_FALSE(outcome.has_value());
            EXPECT_THAT(outcome.error(), told) << outcome.error().message;
        }
        // No pause is shorter than half a second.
        const auto most = 2 + (std::chrono::steady_clock::now() - began) / 500ms;
        EXPECT_LE(static_cast<std::int64_t>(ca_.renewals()), most);
    }
    static bool soon(const std::function<bool()>& claim) {
        for (int i = 0; i < 6000 && !claim(); ++i) {
            std::this_thread::sleep_for(10ms);
        }
        return claim();
    }

    Folder folder_;
    People people_;
    ScriptedCa ca_{people_};
};

TEST_F(RenewalAtACa, IsOneWhereThisMachinesClockIsAheadWhichIsSaid) {
    ca_.ahead_ = -65 * 60;
    // Issued half an hour ago by the CA's clock, over for 35 minutes by this machine's.
    const auto login = people_.login(ca_.now() - 1min);
    RenewedLogin source(keep(login), login, login_clock(), {});
    for (int i = 0; i < 30; ++i) {
        const auto outcome = current(source);
        ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    }
    EXPECT_EQ(ca_.renewals(), 1U);
    ASSERT_TRUE(ca_clock().ahead());
    EXPECT_GT(*ca_clock().ahead(), 64min);
    EXPECT_LT(*ca_clock().ahead(), 67min);
    EXPECT_THAT(clock_trouble(), HasSubstr("65 min ahead of the CA service's"));
}

TEST_F(RenewalAtACa, IsOneWhereThisMachinesClockIsBehind) {
    ca_.ahead_ = 10 * 60;
    const auto login = people_.login(now() - 1s);
    RenewedLogin source(keep(login), login, login_clock(), {});
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_EQ(ca_.renewals(), 1U);
    EXPECT_FALSE((*outcome)->is_used_up(ca_clock().now()));
    EXPECT_THAT(clock_trouble(), HasSubstr("10 min behind the CA service's"));
}

TEST_F(RenewalAtACa, ThatDoesNotHelpIsPausedAndSaidToBeOfNoUse) {
    ca_.lifetime_ = -60;
    const auto login = people_.login(now() - 1s);
    RenewedLogin source(keep(login), login, login_clock(), {});
    expect_told_with_pauses(source, AllOf(Field(&Refusal::code, Code::expired),
                                          Field(&Refusal::message, HasSubstr("over already")),
                                          Field(&Refusal::hint, HasSubstr("clock"))));
}

TEST_F(RenewalAtACa, AtTheEndOfTheSessionIsPausedAndSaidToBeItsEnd) {
    ca_.session_ = 8;
    const auto login = people_.login(now() - 1s);
    const Clock ahead = [] { return now() + 10s; };
    RenewedLogin source(keep(login), login, ahead, {});
    expect_told_with_pauses(source, AllOf(Field(&Refusal::code, Code::session_ended),
                                          Field(&Refusal::message, Not(HasSubstr("clock"))),
                                          Field(&Refusal::hint, HasSubstr("postern login"))));
}

TEST_F(RenewalAtACa, ThatDoesNotHelpIsTheClocksAlsoWhereCertificatesLiveForSeconds) {
    ca_.lifetime_ = 8;
    const auto login = people_.login(now() - 1s);
    const Clock ahead = [] { return now() + 10s; };
    RenewedLogin source(keep(login), login, ahead, {});
    expect_told_with_pauses(
        source, AllOf(Field(&Refusal::code, Code::expired), Field(&Refusal::hint, HasSubstr("clock"))));
}

TEST_F(RenewalAtACa, IsUsedFromMemoryWhileTheDiskTakesNothingAndWrittenOnceItDoes) {
    const auto login = people_.login(now() - 1s);
    const ProfileFolder folder = keep(login);
    std::mutex mutex;
    std::vector<std::optional<Refusal>> told;
    RenewedLogin::Hooks hooks;
    hooks.on_kept = [&](const std::optional<Refusal>& why) {
        const std::lock_guard lock(mutex);
        told.push_back(why);
    };
    std::string in_use;
    {
        const test::FileSizeLimit full(0);
        RenewedLogin source(folder, login, login_clock(), hooks);
        for (int i = 0; i < 30; ++i) {
            const auto outcome = current(source);
            ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
            in_use = (*outcome)->certificate().serial();
        }
        EXPECT_EQ(ca_.renewals(), 1U);
        EXPECT_NE(in_use, login->certificate().serial());
        ASSERT_TRUE(source.unkept());
        EXPECT_THAT(source.unkept()->message, HasSubstr("in use and on no disk"));
        EXPECT_EQ(Login::load(folder).value()->certificate().fingerprint(),
                  login->certificate().fingerprint());
        // The next one is asked for with what is in memory.
        source.doubt();
        EXPECT_TRUE(soon([&] { return ca_.renewals() == 2; }));
        EXPECT_EQ(ca_.renewed_serials().at(1), in_use);
    }
    const std::lock_guard lock(mutex);
    ASSERT_FALSE(told.empty());
    EXPECT_TRUE(told.front());
}

TEST_F(RenewalAtACa, ThatTheDiskDidNotTakeIsWrittenOnceThereIsRoom) {
    const auto login = people_.login(now() - 1s);
    const ProfileFolder folder = keep(login);
    std::atomic<int> kept = 0;
    RenewedLogin::Hooks hooks;
    hooks.on_kept = [&](const std::optional<Refusal>& why) { kept += why ? 0 : 1; };
    std::optional<test::FileSizeLimit> full(std::in_place, 0);
    RenewedLogin source(folder, login, login_clock(), hooks);
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    ASSERT_TRUE(soon([&] { return source.unkept().has_value(); }));
    full.reset();
    EXPECT_TRUE(soon([&] { return kept == 1; }));
    EXPECT_FALSE(source.unkept());
    EXPECT_EQ(Login::load(folder).value()->certificate().fingerprint(),
              (*outcome)->certificate().fingerprint());
    EXPECT_EQ(ca_.renewals(), 1U);
}

TEST(CaClock, GoesByTheCaWhereTheTwoDisagreeUntilTheClockIsSet) {
    const SystemTime truth(1'000'000s);
    SystemTime local = truth + 65min;
    std::chrono::nanoseconds since_boot = 100s;
    CaClock clock([&] { return local; }, [&] { return since_boot; });
    EXPECT_EQ(clock.now(), local) << "nothing is known yet";
    EXPECT_FALSE(clock.ahead());
    clock.learn(truth);
    EXPECT_LT(clock.now() - truth, 1s);
    local += 10min;
    since_boot += 10min;
    EXPECT_EQ(clock.ahead(), 65min);
    EXPECT_LT(clock.now() - (truth + 10min), 1s);
    local = truth + 10min;
    EXPECT_EQ(clock.now(), local) << "it was set, and is right";
    clock.forget();
    EXPECT_FALSE(clock.ahead());
}

TEST(CaClock, LeavesADifferenceAloneThatNobodyNotices) {
    const SystemTime truth(1'000'000s);
    CaClock clock([&] { return truth + 3s; }, [] { return 100s; });
    clock.learn(truth);
    EXPECT_EQ(clock.now(), truth + 3s);
}

TEST(CaClock, SaysHowFarOffItIs) {
    EXPECT_EQ(offset_text(65min), "65 min ahead of");
    EXPECT_EQ(offset_text(-2h), "2 h behind");
    EXPECT_EQ(offset_text(-45s), "45 s behind");
    EXPECT_EQ(offset_text(240h), "10 days ahead of");
}

TEST(ClockRefusal, NamesThisMachinesClockAndNotACaThatWasSetUpAnew) {
    ca_clock().forget();
    for (const Code code : {Code::not_yet_valid, Code::expired}) {
        for (const Refusal& refusal :
             {ca_refusal({code, {}}, "https://ca.example.org"), gateway_refusal({code, {}}, "gw1"),
              server_refusal({code, {}}, "orders-db")}) {
            EXPECT_THAT(refusal.message, HasSubstr("this machine's clock is "));
            EXPECT_THAT(refusal.hint, HasSubstr("timedatectl"));
            EXPECT_THAT(refusal.hint, Not(HasSubstr("fingerprint")));
        }
    }
    EXPECT_THAT(ca_refusal({Code::unknown_issuer, {}}, "https://ca.example.org").message,
                Not(HasSubstr("clock")));
}

TEST(ClockRefusal, DoesNotBlameAClockThatTheCaHasFoundRight) {
    ca_clock().learn(now());
    EXPECT_THAT(gateway_refusal({Code::expired, {}}, "gw1").message, Not(HasSubstr("clock")));
    ca_clock().learn(now() + 2h);
    EXPECT_THAT(gateway_refusal({Code::not_yet_valid, {}}, "gw1").message, HasSubstr("2 h behind"));
    EXPECT_THAT(gateway_verdict({Code::expired, {}}, "gw1").message, HasSubstr("2 h behind"));
    ca_clock().forget();
}

TEST(LoginStanding, IsOverWhereTheCaHasSaidSoHoweverLongTheCertificateLasts) {
    const People people;
    const auto login = people.login(now() + 50min);
    using State = LoginStanding::State;
    const auto standing = [&](std::optional<Code> failed, SystemTime session_ends) {
        const auto failure = failed ? std::optional(Refusal{*failed, "so it is", "do", {}}) : std::nullopt;
        return standing_of(*login, session_ends, failure, false, now());
    };
    EXPECT_EQ(standing(std::nullopt, now() + 10h).state, State::valid);
    EXPECT_FALSE(standing(std::nullopt, now() + 10h).is_over());
    EXPECT_FALSE(standing(Code::unreachable, now() + 10h).is_over()) << "the certificate is good";
    for (const Code code : {Code::revoked, Code::user_disabled, Code::session_ended, Code::unauthenticated}) {
        EXPECT_TRUE(standing(code, now() + 10h).is_over()) << name(code);
        EXPECT_EQ(standing(code, now() + 10h).why->code, code);
    }
    EXPECT_EQ(standing(Code::revoked, now() + 10h).state, State::revoked);
    EXPECT_EQ(standing(Code::user_disabled, now() + 10h).state, State::revoked);
    EXPECT_EQ(standing(std::nullopt, now() - 1s).why->code, Code::session_ended);
}

TEST(LoginStanding, OfACertificateThatIsOverIsRenewingUntilThatFails) {
    const People people;
    const auto login = people.login(now() - 1min);
    EXPECT_EQ(standing_of(*login, now() + 10h, std::nullopt, false, now()).state,
              LoginStanding::State::renewing);
    const Refusal away{Code::unreachable, "away", {}, {}};
    EXPECT_EQ(standing_of(*login, now() + 10h, away, false, now()).why->code, Code::unreachable);
}

}  // namespace
}  // namespace postern::client
