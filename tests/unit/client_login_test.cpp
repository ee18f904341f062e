#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "client-proxy/login/login_session.hpp"
#include "client-proxy/login/renewed_login.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

TEST(Login, IsUsedUpBeforeItExpires) {
    const People people;
    const auto end = now() + 30min;
    const auto login = people.login(end);
    EXPECT_EQ(login->user(), "alice");
    EXPECT_FALSE(login->is_used_up(now()));
    EXPECT_TRUE(login->is_used_up(end - 1s));
    EXPECT_TRUE(login->is_used_up(end + 1h));
    EXPECT_LT(login->renew_after(), end);
}

TEST(Login, ThatLivesForSecondsIsGoodForMostOfThem) {
    const People people;
    // A certificate's times are whole seconds.
    const auto end = std::chrono::floor<std::chrono::seconds>(now()) + 6s;
    const auto login = people.login(end, end - 2s);
    EXPECT_FALSE(login->is_used_up(end - 2s));
    EXPECT_FALSE(login->is_used_up(end - 1s));
    EXPECT_TRUE(login->is_used_up(end - 500ms));
}

TEST(Login, EndsWithItsSessionWhereTheCaHasSaidSo) {
    const People people;
    const auto end = std::chrono::floor<std::chrono::seconds>(now() + 30min);
    const auto ends = [&](std::optional<SystemTime> session) {
        return people.login(end, std::nullopt, "127.0.0.1:1", session)->ends_with_session();
    };
    EXPECT_TRUE(ends(end));
    EXPECT_TRUE(ends(end + 900ms)) << "a certificate's times are whole seconds";
    EXPECT_FALSE(ends(end + 1s));
    EXPECT_FALSE(ends(end + 10h));
    EXPECT_FALSE(ends(std::nullopt)) << "an older profile does not say";
}

TEST(Login, IsNewForATenthOfItsLife) {
    const People people;
    const auto login = people.login(now() + 50min, now() - 10min);
    EXPECT_TRUE(login->is_new(now() - 5min));
    EXPECT_FALSE(login->is_new(now() - 3min));
    EXPECT_FALSE(login->is_new(now()));
}

TEST(Login, RefusesAKeyThatIsNotTheCertificates) {
    const People people;
    auto one = test::mint(test::login_profile("alice", now()), people.users.issuing);
    auto other = test::mint(test::login_profile("alice", now()), people.users.issuing);
    net::TlsCredentials credentials{other->key, {one->certificate}};
    EXPECT_FALSE(Login::make(credentials, people.servers.bundle, "example.org", {}).has_value());
}
class Renewal : public testing::Test {
protected:
    /// A profile whose CA service is not there.
    ProfileFolder keep(const LoginPtr& login) {
        auto folder = ProfileFolder::open(folder_.path() / "postern").value();
        Profile made = profile();
        made.ca_url = "https://127.0.0.1:1";
        made.renew_after = login->renew_after();
        EXPECT_TRUE(folder.save(made).has_value());
        EXPECT_TRUE(write_file(folder.server_ca(), people_.servers.bundle.pem(), 0600).has_value());
        EXPECT_TRUE(login->credentials().key.save(folder.login_key()).has_value());
        EXPECT_TRUE(write_file(folder.login_certificate(), pki::to_pem(login->credentials().chain), 0600)
                        .has_value());
        return folder;
    }
    static bool soon(const std::function<bool()>& claim) {
        for (int i = 0; i < 1000 && !claim(); ++i) {
            std::this_thread::sleep_for(10ms);
        }
        return claim();
    }
    static Outcome<LoginPtr> current(LoginSource& source, WaitsFor worth = WaitsFor::person) {
        boost::asio::io_context loop(1);
        auto outcome = boost::asio::co_spawn(loop, source.current(10s, worth), boost::asio::use_future);
        loop.run();
        return outcome.get();
    }

    Folder folder_;
    People people_;
};

TEST_F(Renewal, IsNotWaitedForWhileTheCertificateIsGood) {
    const auto login = people_.login(now() + 20min, now() - 1min);
    RenewedLogin source(keep(login), login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ((*outcome)->certificate().fingerprint(), login->certificate().fingerprint());
}

TEST_F(Renewal, ThatFailsIsToldOnceTheCertificateHasExpired) {
    const auto login = people_.login(now() - 1s);
    RenewedLogin source(keep(login), login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_THAT(outcome.error().message, HasSubstr("expired"));
    EXPECT_THAT(outcome.error().message, HasSubstr("CA service"));
    EXPECT_NE(outcome.error().hint, "");
}

TEST_F(Renewal, IsNotHeldUpByAClockThatWasSetBack) {
    const auto login = people_.login(now() + 5s, now() - 60min);
    std::atomic<bool> is_ahead = true;
    std::atomic<int> failures = 0;
    RenewedLogin::Hooks hooks;
    hooks.on_failure = [&](const Refusal&) { ++failures; };
    const Clock clock = [&] { return is_ahead ? now() + 2h : now(); };
    RenewedLogin source(keep(login), login, clock, hooks);
    EXPECT_TRUE(soon([&] { return failures > 0; }));
    is_ahead = false;
    const int before = failures;
    EXPECT_TRUE(soon([&] { return failures > before; })) << "it is tried again";
}

TEST_F(Renewal, TakesUpWhatAnotherProcessHasRenewed) {
    const auto old = people_.login(now() - 1s);
    const auto fresh = people_.login(now() + 50min);
    RenewedLogin source(keep(fresh), old, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ((*outcome)->certificate().fingerprint(), fresh->certificate().fingerprint());
}

TEST_F(Renewal, RefusesAfterALogout) {
    const auto login = people_.login(now() - 1s);
    const auto folder = keep(login);
    std::filesystem::remove(folder.login_certificate());
    RenewedLogin source(folder, login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Code::unauthenticated);
    EXPECT_THAT(outcome.error().hint, HasSubstr("postern login"));
}

TEST_F(Renewal, ALogoutWithoutTheKeyDoesNotClaimThatTheSessionHasEnded) {
    const auto folder = keep(people_.login(now() + 50min));
    EXPECT_TRUE(write_file(folder.login_key(), "not a key", 0600).has_value());
    const auto ended = log_out(folder);
    ASSERT_FALSE(ended.has_value());
    EXPECT_THAT(ended.error().message, HasSubstr("the session could not be ended at the CA"));
    EXPECT_FALSE(std::filesystem::exists(folder.login_certificate()));
    const auto nobody = log_out(folder);
    ASSERT_TRUE(nobody.has_value());
    EXPECT_FALSE(*nobody);
}

TEST_F(Renewal, ThatNeedsAPersonIsWaitedForWhereSomebodyAsksThem) {
    const auto login = people_.login(now() - 1s);
    const auto folder = keep(login);
    std::filesystem::remove(folder.login_certificate());
    std::promise<void> asked;
    std::once_flag once;
    RenewedLogin::Hooks hooks;
    hooks.can_ask = [&] {
        std::call_once(once, [&] { asked.set_value(); });
        return true;
    };
    RenewedLogin source(folder, login, system_clock(), hooks);
    std::vector<std::future<Outcome<LoginPtr>>> waiting;
    for (int i = 0; i < 5; ++i) {
        waiting.push_back(std::async(std::launch::async, [&] { return current(source); }));
    }
    asked.get_future().wait();
    EXPECT_TRUE(source.is_awaited());
    // A list of services is worth no login form.
    EXPECT_EQ(current(source, WaitsFor::renewal).error().code, Code::unauthenticated);
    const auto fresh = people_.login(now() + 50min);
    source.adopt(fresh);
    for (auto& one : waiting) {
        const auto outcome = one.get();
        ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
        EXPECT_EQ((*outcome)->certificate().fingerprint(), fresh->certificate().fingerprint());
    }
    EXPECT_FALSE(source.is_awaited());
}

TEST_F(Renewal, IsAskedForAtOnceWhenAGatewayDoubtsTheLoginWhichThatAloneDoesNotEnd) {
    const auto login = people_.login(now() + 50min);
    std::promise<Refusal> failed;
    RenewedLogin::Hooks hooks;
    hooks.on_failure = [&](const Refusal& refusal) { failed.set_value(refusal); };
    RenewedLogin source(keep(login), login, system_clock(), hooks);
    auto asked = failed.get_future();
    source.doubt();
    source.doubt();
    ASSERT_EQ(asked.wait_for(30s), std::future_status::ready);
    EXPECT_EQ(asked.get().code, Code::unreachable);
    EXPECT_TRUE(current(source).has_value());
}

}  // namespace
}  // namespace postern::client
