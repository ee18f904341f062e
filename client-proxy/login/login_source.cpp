#include "client-proxy/login/login_source.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/login/ca_clock.hpp"
#include "net/await.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using net::kAwait;
/// How often the wall clock and the profile's files are looked at: after sleep, or a login by another
/// process.
constexpr auto kTick = std::chrono::seconds(2);
/// Of renewals that fail or do not help, less for certificates that live for minutes.
constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(30);
constexpr Pace::Bounds kKeepPace{std::chrono::seconds(1), std::chrono::minutes(1)};
/// Of questions to the CA that gateways gave rise to: each makes a certificate, which may not help either.
constexpr Pace::Bounds kDoubtPace{std::chrono::seconds(5), std::chrono::minutes(10)};
/// Doubts that are so far apart have nothing to do with one another.
constexpr auto kCalm = std::chrono::minutes(10);
/// Between two questions to the CA which services there are.
constexpr auto kCataloguePause = std::chrono::seconds(15);
/// Too little of a certificate for a handshake and a judgement at the gateway.
constexpr auto kLastMoments = std::chrono::milliseconds(300);
constexpr int kMostRounds = 3;
/// A CA service that cannot be reached is tried again for those who wait: the network, or the service, may
/// have come back this very moment.
constexpr auto kReachPatience = std::chrono::seconds(2);
constexpr Pace::Bounds kReachPace{std::chrono::milliseconds(200), std::chrono::seconds(1)};

// The first pause is short: the network may have been away for a moment.
Pace::Bounds pace_for(const LoginPtr& login) {
    std::chrono::milliseconds most = kLongestPause;
    if (login) {
        const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(
            login->not_after() - login->certificate().not_before());
        most = std::clamp<std::chrono::milliseconds>(life / 20, std::chrono::seconds(1), kLongestPause);
    }
    return {std::min<std::chrono::milliseconds>(most, std::chrono::seconds(2)), most};
}

// The network or the service may come back at any moment, and an attempt takes its time by itself.
bool is_about_reaching(Code code) {
    return code == Code::unreachable || code == Code::timed_out;
}

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

/// How far back the CA service dates a certificate, for clocks that differ.
constexpr std::chrono::seconds kBackdated{60};
/// A certificate that was issued with at most this left beyond what a handshake takes is one of its session's last
/// moments.
constexpr std::chrono::seconds kRestOfSession{5};

// A renewal that succeeded: what is wrong is here, or there, and another one would be no better.
Refusal no_help(const Login& login, SystemTime now) {
    const bool is_early = pki::is_too_early(login.certificate().not_before(), now);
    const std::string clock = clock_trouble();
    return {is_early ? Code::not_yet_valid : Code::expired,
            fmt::format("the CA service issues certificates that are {} here{}",
                        is_early ? "not valid yet" : "over already",
                        clock.empty() ? std::string(": the clocks differ") : ": " + clock),
            kSetTheClock,
            {}};
}

std::filesystem::file_time_type time_of(const std::filesystem::path& path) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path, error);
    return error ? std::filesystem::file_time_type::min() : time;
}

Refusal unkept_refusal(const Failure& why) {
    return {
        why.code,
        fmt::format("the renewed login certificate is in use and on no disk: {}", why.detail),
        "Make room on the disk: it is tried again. Until then a restart of the agent needs a new login, and "
        "programs with TLS of their own read the old certificate.",
        {}};
}

Result<void> keep(const ProfileFolder& folder, const UnkeptLogin& login) {
    return keep_login(folder, login.profile, login.answer, login.trust ? &*login.trust : nullptr);
}

// With what is held in the place of the disk's; null when nobody is logged in, or the files are damaged.
LoginPtr newest_login(const ProfileFolder& folder, const HeldLogin& held) {
    const auto on_disk = Login::load(folder);
    if (!on_disk) {
        return nullptr;
    }
    const bool is_held = held.unkept && held.unkept->replaces == (*on_disk)->certificate().fingerprint();
    return is_held ? held.login : *on_disk;
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
      pace_(pace_for(login_)),
      keep_pace_(kKeepPace),
      doubt_pace_(kDoubtPace),
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

asio::awaitable<void> RenewedLogin::ask_catalogue(std::chrono::milliseconds patience) {
    const auto executor = co_await asio::this_coro::executor;
    const auto timer = std::make_shared<asio::steady_timer>(executor, patience);
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

// With the mutex held.
bool RenewedLogin::is_worth_asking() const {
    const bool is_good = login_ && !login_->is_used_up(clock_());
    return !is_good && failure_ && is_final(failure_->code) && hooks_.can_ask && hooks_.can_ask();
}

void RenewedLogin::adopt(LoginPtr login) {
    const std::lock_guard lock(mutex_);
    login_ = std::move(login);
    unkept_.reset();
    pace_ = Pace(pace_for(login_));
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
    return login_ && now >= login_->renew_after() && pace_.is_due(std::chrono::steady_clock::now());
}

bool RenewedLogin::must_pause() const {
    return failure_ && !is_about_reaching(failure_->code) && !pace_.is_due(std::chrono::steady_clock::now());
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
            keep_now(lock);
        }
    }
}

bool RenewedLogin::may_try_again(std::chrono::steady_clock::time_point until,
                                 std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    if (waiting_.empty() || std::chrono::steady_clock::now() >= until) {
        return false;
    }
    return !wake_.wait_for(lock, pause, [this] { return is_stopping_; });
}

Outcome<HeldLogin> RenewedLogin::ask_ca(const HeldLogin& held, SystemTime now, bool is_doubted) {
    const auto until = std::chrono::steady_clock::now() + kReachPatience;
    Pace pace(kReachPace);
    for (;;) {
        auto outcome = renew_login(folder_, now, is_doubted, held);
        if (outcome || outcome.error().code != Code::unreachable ||
            !may_try_again(until, pace.failed(std::chrono::steady_clock::now()))) {
            return outcome;
        }
    }
}

void RenewedLogin::renew_now(std::unique_lock<std::mutex>& lock) {
    const HeldLogin before{login_, unkept_};
    const auto now = clock_();
    const bool is_doubted = std::exchange(is_doubted_, false);
    const std::optional<Refusal> standing = !is_doubted && must_pause() ? failure_ : std::nullopt;
    is_renewing_ = true;
    lock.unlock();
    // Before: a login that another process makes meanwhile is seen at the next look.
    files_seen_ = time_of(folder_.login_certificate());
    const LoginPtr newest = newest_login(folder_, before);
    const std::string fingerprint = newest ? newest->certificate().fingerprint() : std::string();
    const bool is_same = newest && before.login && fingerprint == before.login->certificate().fingerprint();
    const bool is_dead = newest && fingerprint == dead_fingerprint_;
    // Whoever waits is told at once what the last answer was.
    const bool is_settled = is_dead || (standing && is_same);
    auto outcome = is_dead      ? Outcome<HeldLogin>(dead_refusal_)
                   : is_settled ? Outcome<HeldLogin>(*standing)
                                : ask_ca(before, now, is_doubted);
    if (!outcome && !is_settled && newest && is_final(outcome.error().code)) {
        dead_fingerprint_ = fingerprint;
        dead_refusal_ = outcome.error();
    }
    lock.lock();
    is_renewing_ = false;
    if (!is_settled) {
        take(lock, before, outcome, now);
    }
    is_wanted_ = false;
    let_go(waiting_);
    if (outcome) {
        let_go(waiting_for_person_);
    }
    const auto failure = failure_;
    const bool is_new = outcome && (!before.login || outcome->login->certificate().fingerprint() !=
                                                         before.login->certificate().fingerprint());
    lock.unlock();
    if (is_new && hooks_.on_change) {
        hooks_.on_change(outcome->login);
    }
    if (failure && !is_settled && hooks_.on_failure) {
        hooks_.on_failure(*failure);
    }
    lock.lock();
}

// Whether it helped is judged by the clock as it is known now: the answer may have corrected it.
void RenewedLogin::take(std::unique_lock<std::mutex>& lock, const HeldLogin& before,
                        const Outcome<HeldLogin>& outcome, SystemTime asked_at) {
    const auto steady = std::chrono::steady_clock::now();
    if (!outcome) {
        failure_ = before.login ? not_renewed(*before.login, asked_at, outcome.error()) : outcome.error();
        pace_.failed(steady);
        return;
    }
    failure_.reset();
    login_ = outcome->login;
    const auto now = clock_();
    // A certificate ends with its session: one that was made in the session's last moments was used up from the
    // start, by the CA's own clock, and the next answer says that the session is over.
    const bool ends_with_session =
        login_->is_used_up(login_->certificate().not_before() + kBackdated + kRestOfSession);
    if (ends_with_session) {
        pace_ = Pace(pace_for(login_));
    } else if (login_->is_used_up(now) || pki::is_too_early(login_->certificate().not_before(), now)) {
        failure_ = no_help(*login_, now);
        pace_.failed(steady);
    } else if (now >= login_->renew_after()) {
        // Of a session that is about to end, for example: there is nothing more to have.
        pace_.failed(steady);
    } else {
        pace_ = Pace(pace_for(login_));
    }
    const bool was_kept = !unkept_;
    unkept_ = outcome->unkept;
    if (unkept_) {
        keep_pace_.failed(steady);
        tell_kept(lock, unkept_refusal(unkept_->why));
    } else if (!was_kept) {
        keep_pace_.worked();
        tell_kept(lock, std::nullopt);
    }
}

void RenewedLogin::tell_kept(std::unique_lock<std::mutex>& lock, const std::optional<Refusal>& why) {
    lock.unlock();
    if (hooks_.on_kept) {
        hooks_.on_kept(why);
    }
    lock.lock();
}

void RenewedLogin::keep_now(std::unique_lock<std::mutex>& lock) {
    const auto unkept = unkept_;
    if (!unkept || !keep_pace_.is_due(std::chrono::steady_clock::now())) {
        return;
    }
    lock.unlock();
    const auto kept = keep_unkept(folder_, *unkept);
    const auto seen = time_of(folder_.login_certificate());
    lock.lock();
    if (!kept) {
        keep_pace_.failed(std::chrono::steady_clock::now());
    } else if (unkept_ == unkept) {
        unkept_.reset();
        keep_pace_.worked();
        files_seen_ = seen;
        tell_kept(lock, std::nullopt);
    }
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
    unkept_.reset();
    pace_ = Pace(pace_for(login_));
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

Outcome<HeldLogin> renew_login(const ProfileFolder& folder, SystemTime now, bool is_doubted,
                               const HeldLogin& held) {
    auto lock = folder.lock("login.lock");
    if (!lock) {
        return local_refusal(lock.error());
    }
    auto on_disk = Login::load(folder);
    if (!on_disk) {
        return on_disk.error().code == Code::unauthenticated ? not_logged_in()
                                                             : local_refusal(on_disk.error());
    }
    const std::string replaces = (*on_disk)->certificate().fingerprint();
    const bool is_held = held.unkept && held.unkept->replaces == replaces;
    const HeldLogin present = is_held ? held : HeldLogin{*on_disk, nullptr};
    const LoginPtr& login = present.login;
    if (now < login->renew_after() && !is_doubted) {
        return present;
    }
    auto profile = is_held ? Result<Profile>(held.unkept->profile) : folder.load();
    if (!profile) {
        return local_refusal(profile.error());
    }
    auto ca =
        CaClient::make(profile->ca_url, login->server_ca(), profile->trust_domain, login->credentials());
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
    UnkeptLogin renewed{updated(*profile, *answer), *answer,
                        trust ? std::optional<Trust>(*trust) : std::nullopt, replaces, Failure{}};
    net::TlsCredentials credentials{login->credentials().key, renewed.answer.chain};
    auto made =
        Login::make(std::move(credentials), trust ? trust->server_ca : login->server_ca(),
                    renewed.profile.trust_domain, renewed.profile.catalogue, renewed.profile.renew_after);
    if (!made) {
        return local_refusal(made.error());
    }
    if (auto kept = keep(folder, renewed); !kept) {
        renewed.why = kept.error();
        return HeldLogin{*std::move(made), std::make_shared<const UnkeptLogin>(std::move(renewed))};
    }
    return HeldLogin{*std::move(made), nullptr};
}

Result<void> keep_unkept(const ProfileFolder& folder, const UnkeptLogin& unkept) {
    auto lock = folder.lock("login.lock");
    if (!lock) {
        return lock.error();
    }
    const auto on_disk = Login::load(folder);
    const bool is_expected = on_disk && (*on_disk)->certificate().fingerprint() == unkept.replaces;
    return is_expected ? keep(folder, unkept) : Result<void>();
}

Outcome<LoginPtr> good_login(const ProfileFolder& folder, SystemTime now) {
    const auto before = Login::load(folder);
    auto outcome = renew_login(folder, now);
    if (outcome) {
        return outcome->login;
    }
    if (!before) {
        return outcome.error();
    }
    if (!(*before)->is_used_up(now) && !is_final(outcome.error().code)) {
        return *before;
    }
    return not_renewed(**before, now, outcome.error());
}

}  // namespace postern::client
