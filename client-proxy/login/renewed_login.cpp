// The part of RenewedLogin that callers use, and the waits.
#include "client-proxy/login/renewed_login.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "client-proxy/login/renewal.hpp"
#include "net/await.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using net::kAwait;
constexpr Pace::Bounds kKeepPace{std::chrono::seconds(1), std::chrono::minutes(1)};
/// The pauses between requests to the CA that gateways caused by rejecting the login. Each request issues a
/// certificate, which may not help either.
constexpr Pace::Bounds kDoubtPace{std::chrono::seconds(5), std::chrono::minutes(10)};
/// Doubts that are this far apart count as unrelated.
constexpr auto kCalm = std::chrono::minutes(10);
/// The shortest interval between two requests for the catalogue.
constexpr auto kCataloguePause = std::chrono::seconds(15);
/// With less time than this left, a certificate is not used: a handshake and the gateway's judgement may not
/// complete.
constexpr auto kLastMoments = std::chrono::milliseconds(300);
constexpr int kMostRounds = 3;

}  // namespace

RenewedLogin::RenewedLogin(ProfileFolder folder, LoginPtr login, Clock clock, Hooks hooks)
    : folder_(std::move(folder)),
      clock_(std::move(clock)),
      hooks_(std::move(hooks)),
      login_(std::move(login)),
      pace_(renewal_pace(login_)),
      keep_pace_(kKeepPace),
      doubt_pace_(kDoubtPace),
      files_seen_(write_time(folder_.login_certificate())),
      thread_([this] { run(); }) {}

RenewedLogin::~RenewedLogin() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

LoginPtr RenewedLogin::latest() const {
    const std::lock_guard lock(mutex_);
    return login_;
}

bool RenewedLogin::is_busy() const {
    const std::lock_guard lock(mutex_);
    return is_renewing_;
}

std::optional<Refusal> RenewedLogin::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

std::optional<Refusal> RenewedLogin::unkept() const {
    const std::lock_guard lock(mutex_);
    return unkept_ ? std::optional(unkept_refusal(unkept_->why)) : std::nullopt;
}

bool RenewedLogin::is_awaited() const {
    const std::lock_guard lock(mutex_);
    return !waiting_for_person_.empty();
}

void RenewedLogin::doubt() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!login_ || !doubt_pace_.is_due(now)) {
        return;
    }
    if (now > doubt_pace_.due() + kCalm) {
        doubt_pace_.worked();
    }
    doubt_pace_.failed(now);
    is_doubted_ = true;
    is_wanted_ = true;
    wake_.notify_all();
}

asio::awaitable<void> RenewedLogin::ask_catalogue(std::chrono::milliseconds timeout) {
    const auto executor = co_await asio::this_coro::executor;
    const auto timer = std::make_shared<asio::steady_timer>(executor, timeout);
    {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (!login_ || now < next_catalogue_) {
            co_return;
        }
        next_catalogue_ = now + kCataloguePause;
        is_doubted_ = true;
        is_wanted_ = true;
        waiting_.push_back(timer);
        wake_.notify_all();
    }
    co_await timer->async_wait(kAwait);
    const std::lock_guard lock(mutex_);
    std::erase(waiting_, timer);
}

/// Whether waiting for the person makes sense. The caller holds the mutex.
bool RenewedLogin::is_worth_asking() const {
    const bool is_good = login_ && !login_->is_used_up(clock_());
    return !is_good && failure_ && is_final(failure_->code) && hooks_.can_ask && hooks_.can_ask();
}

void RenewedLogin::adopt(LoginPtr login) {
    const std::lock_guard lock(mutex_);
    login_ = std::move(login);
    unkept_.reset();
    pace_ = Pace(renewal_pace(login_));
    doubt_pace_.worked();
    failure_.reset();
    if (!login_) {
        failure_ = not_logged_in();
    } else {
        let_go(waiting_for_person_);
    }
    let_go(waiting_);
}

void RenewedLogin::give_up_on_person() {
    const std::lock_guard lock(mutex_);
    let_go(waiting_for_person_);
}

void RenewedLogin::let_go(std::vector<Timer>& waiting) {
    for (const auto& timer : std::exchange(waiting, {})) {
        asio::post(timer->get_executor(), [timer] { timer->cancel(); });
    }
}

asio::awaitable<Outcome<LoginPtr>> RenewedLogin::current(std::chrono::milliseconds timeout, WaitsFor worth) {
    const auto executor = co_await asio::this_coro::executor;
    const auto end = std::chrono::steady_clock::now() + timeout;
    // A certificate that is renewed in the last moments of a session may expire before a gateway sees it. In
    // that case the next round, after its end, decides what to do.
    for (int round = 0; round < kMostRounds; ++round) {
        Timer timer;
        {
            const std::lock_guard lock(mutex_);
            const auto now = clock_();
            if (login_ && !login_->is_used_up(now)) {
                if (is_due(now)) {
                    wake_.notify_all();
                }
                co_return login_;
            }
            timer = std::make_shared<asio::steady_timer>(executor, end);
            waiting_.push_back(timer);
            is_wanted_ = true;
            wake_.notify_all();
        }
        // The renewing thread posts the cancellation to this executor, so it cannot happen before the wait
        // begins.
        co_await timer->async_wait(kAwait);

        bool asks_person = false;
        {
            const std::lock_guard lock(mutex_);
            std::erase(waiting_, timer);
            asks_person = worth == WaitsFor::person && is_worth_asking();
            if (asks_person) {
                timer->expires_after(kPersonTimeout);
                waiting_for_person_.push_back(timer);
            }
        }
        if (asks_person) {
            // One login by the person serves all callers that wait.
            co_await timer->async_wait(kAwait);
        }

        SystemTime::duration left{};
        {
            const std::lock_guard lock(mutex_);
            std::erase(waiting_for_person_, timer);
            left = login_ ? login_->not_after() - clock_() : SystemTime::duration();
            if (left >= kLastMoments) {
                co_return login_;
            }
            if (failure_) {
                co_return *failure_;
            }
        }
        if (left > SystemTime::duration()) {
            timer->expires_after(left);
            co_await timer->async_wait(kAwait);
        }
    }
    Refusal late{Code::timed_out,
                 "the login certificate has expired and its renewal takes too long",
                 "Check that the CA service can be reached: postern status",
                 {}};
    co_return late;
}

}  // namespace postern::client
