// Names that hang, and those that must not care.
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "net/resolver.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// In getaddrinfo's place: names that begin with "hangs" are answered when let_go() says so, names that begin
/// with "none" do not exist.
class Names {
public:
    Resolver::Ask ask() {
        return [this](const std::string& host) {
            std::unique_lock lock(mutex_);
            ++asked_[host];
            changed_.notify_all();
            if (host.starts_with("hangs")) {
                const int round = round_;
                changed_.wait(lock, [&] { return round_ != round; });
            }
            Resolver::Answer answer;
            if (host.starts_with("none")) {
                answer.failure = Failure{Code::unreachable, "no such name"};
            } else {
                answer.addresses.push_back(boost::asio::ip::make_address("192.0.2.7"));
            }
            return answer;
        };
    }
    /// Those that hang now; later ones hang anew.
    void let_go() {
        const std::lock_guard lock(mutex_);
        ++round_;
        changed_.notify_all();
    }
    int asked(const std::string& host) {
        const std::lock_guard lock(mutex_);
        return asked_[host];
    }
    void wait_until_asked(const std::string& host, int times) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return asked_[host] >= times; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, int> asked_;
    int round_ = 0;
};

class ResolverTest : public testing::Test {
protected:
    ~ResolverTest() override {
        for (auto& thread : waiting_) {
            names_.let_go();
            thread.join();
        }
        names_.let_go();
    }
    static Deadline in(std::chrono::milliseconds time) { return time; }
    static Resolver::Answer resolve(Resolver& resolver, std::string host, std::chrono::milliseconds timeout) {
        boost::asio::io_context loop;
        std::optional<Resolver::Answer> out;
        test::run(loop, keep(resolver, std::move(host), in(timeout), out));
        return *out;
    }
    static awaitable<void> keep(Resolver& resolver, std::string host, Deadline until,
                                std::optional<Resolver::Answer>& out) {
        Resolver::Answer answer = co_await resolver.resolve(std::move(host), until);
        out.emplace(std::move(answer));
    }
    /// Somebody who waits for it, for a minute if need be.
    void wait_for(Resolver& resolver, const std::string& host, int times = 1) {
        waiting_.emplace_back([&resolver, host, this] { resolver.resolve_blocking(host, in(60s)); });
        names_.wait_until_asked(host, times);
    }
    static Code code_of(const Resolver::Answer& answer) {
        return answer.failure ? answer.failure->code : Code::internal;
    }

    Names names_;
    std::vector<std::thread> waiting_;
};

TEST_F(ResolverTest, AnswersANameWhileAnotherHangs) {
    Resolver resolver({}, names_.ask());
    wait_for(resolver, "hangs.test");
    EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.at(0).to_string(), "192.0.2.7");
    EXPECT_EQ(resolver.resolve_blocking("other.test", in(60s)).addresses.size(), 1U);
}

TEST_F(ResolverTest, EndsWithItsCallersDeadline) {
    Resolver resolver({}, names_.ask());
    EXPECT_EQ(code_of(resolve(resolver, "hangs.test", 20ms)), Code::timed_out);
    EXPECT_EQ(code_of(resolver.resolve_blocking("hangs.test", in(20ms))), Code::timed_out);
    EXPECT_EQ(names_.asked("hangs.test"), 1);
}

TEST_F(ResolverTest, AsksOnceForAllWhoAskMeanwhile) {
    Resolver resolver({}, names_.ask());
    boost::asio::io_context loop;
    std::vector<std::optional<Resolver::Answer>> answers(20);
    std::vector<awaitable<void>> asking;
    for (auto& answer : answers) {
        asking.push_back(keep(resolver, "hangs.test", in(60s), answer));
    }
    std::thread answering([&] {
        names_.wait_until_asked("hangs.test", 1);
        names_.let_go();
    });
    test::run_all(loop, std::move(asking));
    answering.join();
    for (const auto& answer : answers) {
        EXPECT_EQ(answer->addresses.size(), 1U);
    }
    EXPECT_EQ(names_.asked("hangs.test"), 1);
    EXPECT_EQ(resolve(resolver, "HANGS.Test", 60s).addresses.size(), 1U) << "names know no case";
}

TEST_F(ResolverTest, KeepsAnAnswerAndForgetsAFailureSooner) {
    Resolver::Options options;
    options.kept = 1h;
    options.failure_kept = 0ms;
    Resolver resolver(options, names_.ask());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.size(), 1U);
        EXPECT_EQ(code_of(resolve(resolver, "none.test", 60s)), Code::unreachable);
    }
    EXPECT_EQ(names_.asked("healthy.test"), 1);
    EXPECT_EQ(names_.asked("none.test"), 3);
    resolver.forget("healthy.test");
    EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.size(), 1U);
    EXPECT_EQ(names_.asked("healthy.test"), 2);
}

TEST_F(ResolverTest, KeepsAFailureForAMoment) {
    Resolver::Options options;
    options.failure_kept = 1h;
    Resolver resolver(options, names_.ask());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(code_of(resolve(resolver, "none.test", 60s)), Code::unreachable);
    }
    EXPECT_EQ(names_.asked("none.test"), 1);
}

TEST_F(ResolverTest, LeavesThreadsToOthersWhereNamesHangAgainAndAgain) {
    Resolver::Options options;
    options.threads = 4;
    options.slow_threads = 2;
    options.kept = 0ms;
    options.slow = 1ms;
    Resolver resolver(options, names_.ask());
    for (int i = 0; i < 4; ++i) {
        wait_for(resolver, "hangs" + std::to_string(i));
    }
    std::this_thread::sleep_for(5ms);
    names_.let_go();
    for (auto& thread : waiting_) {
        thread.join();
    }
    waiting_.clear();
    // Now they are known to be slow: two of them hang, two wait in line.
    for (int i = 0; i < 2; ++i) {
        wait_for(resolver, "hangs" + std::to_string(i), 2);
    }
    EXPECT_EQ(code_of(resolver.resolve_blocking("hangs2", in(20ms))), Code::timed_out);
    EXPECT_EQ(names_.asked("hangs2"), 1);
    EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.size(), 1U);
}

TEST_F(ResolverTest, WaitsInLineForAThreadAndGoesOnWhenThereIsOne) {
    Resolver::Options options;
    options.threads = 1;
    Resolver resolver(options, names_.ask());
    wait_for(resolver, "hangs.test");
    EXPECT_EQ(code_of(resolve(resolver, "healthy.test", 20ms)), Code::timed_out);
    EXPECT_EQ(names_.asked("healthy.test"), 0) << "who has gone takes nobody's turn";
    std::thread later([&] { EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.size(), 1U); });
    names_.let_go();
    later.join();
}

TEST_F(ResolverTest, RefusesANameTooManyAndSaysThatItIsItsOwnBound) {
    Resolver::Options options;
    options.names = 2;
    Resolver resolver(options, names_.ask());
    wait_for(resolver, "hangs1");
    wait_for(resolver, "hangs2");
    const auto refused = resolve(resolver, "healthy.test", 60s);
    EXPECT_EQ(code_of(refused), Code::out_of_resources);
    EXPECT_NE(refused.failure->detail.find("too many names"), std::string::npos) << refused.failure->detail;
    names_.let_go();
    for (auto& thread : waiting_) {
        thread.join();
    }
    waiting_.clear();
    EXPECT_EQ(resolve(resolver, "healthy.test", 60s).addresses.size(), 1U);
}

TEST_F(ResolverTest, AsksAnewInAnotherNetworkWhileTheOldOneHangs) {
    Resolver resolver({}, names_.ask());
    wait_for(resolver, "hangs.test");
    resolver.forget_all();
    wait_for(resolver, "hangs.test", 2);
    EXPECT_EQ(names_.asked("hangs.test"), 2);
}

TEST_F(ResolverTest, MayEndBeforeItsLookUpsDo) {
    {
        Resolver resolver({}, names_.ask());
        EXPECT_EQ(code_of(resolver.resolve_blocking("hangs.test", in(20ms))), Code::timed_out);
    }
    {
        Resolver resolver({}, names_.ask());
        boost::asio::io_context loop;
        std::optional<Resolver::Answer> out;
        boost::asio::co_spawn(loop, keep(resolver, "hangs.test", in(60s), out), boost::asio::detached);
        loop.poll();
        names_.wait_until_asked("hangs.test", 2);
    }
    names_.let_go();
}

TEST(Resolver, AnswersWithTheAddressThatIsAskedFor) {
    const auto v6 = Resolver::shared().resolve_blocking("::1", 0s);
    EXPECT_TRUE(v6.addresses.at(0).is_v6());
    const auto v4 = Resolver::shared().resolve_blocking("192.0.2.1", 0s);
    EXPECT_EQ(v4.addresses.at(0).to_string(), "192.0.2.1");
}

TEST(Resolver, KnowsWhatTheMachineKnows) {
    const auto answer = Resolver::shared().resolve_blocking("localhost", 60s);
    ASSERT_FALSE(answer.failure) << answer.failure->detail;
    EXPECT_TRUE(answer.addresses.at(0).is_loopback());
}

}  // namespace
}  // namespace postern::net
