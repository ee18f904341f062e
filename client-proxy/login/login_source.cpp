#include "client-proxy/login/login_source.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "client-proxy/login/ca_client.hpp"
#include "net/await.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using net::kAwait;
/// How often the wall clock and the profile's files are looked at: after sleep, or a login by another
/// process.
constexpr auto kTick = std::chrono::seconds(2);
constexpr auto kMostPause = std::chrono::seconds(30);
/// Between two questions to the CA that gateways gave rise to.
constexpr auto kDoubtPause = std::chrono::seconds(5);
/// Between two questions to the CA which services there are.
constexpr auto kCataloguePause = std::chrono::seconds(15);
/// Too little of a certificate for a handshake and a judgement at the gateway.
constexpr auto kLastMoments = std::chrono::milliseconds(300);
constexpr int kMostRounds = 3;
/// A CA service that cannot be reached is tried again for those who wait: the network, or the service, may
/// have come back this very moment.
constexpr auto kReachPatience = std::chrono::seconds(2);
constexpr auto kReachPause = std::chrono::milliseconds(200);

bool is_final(Code code) {
    return code == Code::session_ended || code == Code::user_disabled || code == Code::revoked ||
           code == Code::unauthenticated;
}

Refusal not_logged_in() {
    return {Code::unauthenticated, "nobody is logged in", "Run: postern login", {}};
}

Refusal not_renewed(const Login& login, SystemTime now, Refusal why) {
    if (pki::is_over(login.not_after(), now)) {
        why.message = fmt::format("the login certificate has expired and was not renewed: {}", why.message);
    }
    if (why.hint.empty()) {
        why.hint = "Run: postern login";
    }
    return why;
}

std::filesystem::file_time_type time_of(const std::filesystem::path& path) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path, error);
    return error ? std::filesystem::file_time_type::min() : time;
}

}  // namespace

asio::awaitable<Outcome<LoginPtr>> FixedLogin::current(std::chrono::milliseconds, WaitsFor) {
    co_return login_;
}

RenewedLogin::RenewedLogin(ProfileFolder folder, LoginPtr login, Clock clock, Hooks hooks)
    : folder_(std::move(folder)),
      clock_(std::move(clock)),
      hooks_(std::move(hooks)),
      login_(std::move(login)),
      files_seen_(time_of(folder_.login_certificate())),
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

bool RenewedLogin::is_awaited() const {
    const std::lock_guard lock(mutex_);
    return !waiting_for_person_.empty();
}

void RenewedLogin::doubt() {
    const std::lock_guard lock(mutex_);
    const auto now = clock_();
    if (!login_ || (now < next_doubt_ && now + kDoubtPause >= next_doubt_)) {
        return;
    }
    next_doubt_ = now + kDoubtPause;
    is_doubted_ = true;
    is_wanted_ = true;
    wake_.notify_all();
}

asio::awaitable<void> RenewedLogin::ask_catalogue(std::chrono::milliseconds patience) {
    const auto executor = co_await asio::this_coro::executor;
    const auto timer = std::make_shared<asio::steady_timer>(executor, patience);
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock_();
        if (!login_ || (now < next_catalogue_ && now + kCataloguePause >= next_catalogue_)) {
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

// With the mutex held.
bool RenewedLogin::is_worth_asking() const {
    const bool is_good = login_ && !login_->is_used_up(clock_());
    return !is_good && failure_ && is_final(failure_->code) && hooks_.can_ask && hooks_.can_ask();
}

void RenewedLogin::adopt(LoginPtr login) {
    const std::lock_guard lock(mutex_);
    login_ = std::move(login);
    next_try_ = {};
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

asio::awaitable<Outcome<LoginPtr>> RenewedLogin::current(std::chrono::milliseconds patience, WaitsFor worth) {
    const auto executor = co_await asio::this_coro::executor;
    const auto end = std::chrono::steady_clock::now() + patience;
    // A certificate that is renewed in the last moments of a session is over before a gateway has seen it:
    // the round after its end says what is to be done.
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
        // The renewing thread posts the cancellation to this executor, so that it cannot come before the
        // wait.
        co_await timer->async_wait(kAwait);

        bool asks_person = false;
        {
            const std::lock_guard lock(mutex_);
            std::erase(waiting_, timer);
            asks_person = worth == WaitsFor::person && is_worth_asking();
            if (asks_person) {
                timer->expires_after(kPersonPatience);
                waiting_for_person_.push_back(timer);
            }
        }
        if (asks_person) {
            // All who wait go on with the one login that is made.
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

bool RenewedLogin::is_due(SystemTime now) const {
    // A clock that was set back does not hold it up.
    const bool is_time = now >= next_try_ || next_try_ > now + kMostPause;
    return login_ && now >= login_->renew_after() && is_time;
}

void RenewedLogin::run() {
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
        if (is_wanted_ || is_due(clock_())) {
            renew_now(lock);
            continue;
        }
        wake_.wait_for(lock, kTick);
        if (!is_stopping_ && !is_wanted_) {
            watch_files(lock);
        }
    }
}

bool RenewedLogin::may_try_again(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    if (waiting_.empty() || std::chrono::steady_clock::now() >= until) {
        return false;
    }
    return !wake_.wait_for(lock, kReachPause, [this] { return is_stopping_; });
}

void RenewedLogin::renew_now(std::unique_lock<std::mutex>& lock) {
    const LoginPtr before = login_;
    const auto now = clock_();
    const bool is_doubted = std::exchange(is_doubted_, false);
    const auto reach_until = std::chrono::steady_clock::now() + kReachPatience;
    is_renewing_ = true;
    lock.unlock();
    // Before: a login that another process makes meanwhile is seen at the next look.
    files_seen_ = time_of(folder_.login_certificate());
    const auto on_disk = Login::load(folder_);
    const bool is_dead = on_disk && (*on_disk)->certificate().fingerprint() == dead_fingerprint_;
    auto outcome = is_dead ? Outcome<LoginPtr>(dead_refusal_) : renew_login(folder_, now, is_doubted);
    while (!outcome && outcome.error().code == Code::unreachable && may_try_again(reach_until)) {
        outcome = renew_login(folder_, now, is_doubted);
    }
    if (!outcome && !is_dead && on_disk && is_final(outcome.error().code)) {
        dead_fingerprint_ = (*on_disk)->certificate().fingerprint();
        dead_refusal_ = outcome.error();
    }
    const bool is_new = outcome && (!before || (*outcome)->certificate().fingerprint() !=
                                                   before->certificate().fingerprint());
    lock.lock();
    is_renewing_ = false;

    if (outcome) {
        failure_.reset();
        next_try_ = {};
        login_ = *outcome;
    } else {
        failure_ = before ? not_renewed(*before, now, outcome.error()) : outcome.error();
        SystemTime::duration pause = kMostPause;
        if (before) {
            const auto life = before->not_after() - before->certificate().not_before();
            pause = std::min<SystemTime::duration>(pause, life / 20);
        }
        next_try_ = now + std::max<SystemTime::duration>(pause, std::chrono::seconds(1));
    }
    is_wanted_ = false;
    let_go(waiting_);
    if (outcome) {
        let_go(waiting_for_person_);
    }
    const auto failure = failure_;
    lock.unlock();
    if (is_new && hooks_.on_change) {
        hooks_.on_change(*outcome);
    } else if (failure && !is_dead && hooks_.on_failure) {
        hooks_.on_failure(*failure);
    }
    lock.lock();
}

// Another process has logged in, renewed, or logged out.
void RenewedLogin::watch_files(std::unique_lock<std::mutex>& lock) {
    const auto seen = time_of(folder_.login_certificate());
    if (seen == files_seen_) {
        return;
    }
    const LoginPtr before = login_;
    lock.unlock();
    Result<LoginPtr> on_disk = Failure{Code::internal, {}};
    if (const auto held = folder_.lock("login.lock")) {
        on_disk = Login::load(folder_);
    }
    lock.lock();
    if (!on_disk && on_disk.error().code != Code::unauthenticated) {
        return;  // looked at again at the next tick
    }
    files_seen_ = seen;
    login_ = on_disk ? *on_disk : nullptr;
    failure_.reset();
    if (!on_disk) {
        failure_ = not_logged_in();
    } else {
        let_go(waiting_for_person_);
    }
    const bool is_same =
        before && login_ && before->certificate().fingerprint() == login_->certificate().fingerprint();
    const LoginPtr now_valid = login_;
    lock.unlock();
    if (!is_same && hooks_.on_change) {
        hooks_.on_change(now_valid);
    }
    lock.lock();
}

Outcome<LoginPtr> renew_login(const ProfileFolder& folder, SystemTime now, bool is_doubted) {
    auto held = folder.lock("login.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    auto login = Login::load(folder);
    if (!login) {
        return login.error().code == Code::unauthenticated ? not_logged_in() : local_refusal(login.error());
    }
    if (now < (*login)->renew_after() && !is_doubted) {
        return *login;
    }
    auto profile = folder.load();
    if (!profile) {
        return local_refusal(profile.error());
    }
    auto ca = CaClient::make(profile->ca_url, (*login)->server_ca(), profile->trust_domain,
                             (*login)->credentials());
    if (!ca) {
        return ca.error();
    }
    auto answer = ca->renew();
    if (!answer) {
        return answer.error();
    }
    // A rotated CA is learnt over a connection that the old one vouches for. Without it the renewal is as
    // good.
    const auto trust = ca->trust();
    if (auto kept = keep_login(folder, updated(*profile, *answer), *answer, trust ? &*trust : nullptr);
        !kept) {
        return local_refusal(kept.error());
    }
    auto renewed = Login::load(folder);
    if (!renewed) {
        return local_refusal(renewed.error());
    }
    return *renewed;
}

Outcome<LoginPtr> good_login(const ProfileFolder& folder, SystemTime now) {
    const auto before = Login::load(folder);
    auto outcome = renew_login(folder, now);
    if (outcome || !before) {
        return outcome;
    }
    if (!(*before)->is_used_up(now) && !is_final(outcome.error().code)) {
        return *before;
    }
    return not_renewed(**before, now, outcome.error());
}

}  // namespace postern::client
