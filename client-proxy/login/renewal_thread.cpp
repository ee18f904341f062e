// The renewing thread of RenewedLogin: when the CA is asked, how its answer is used, and how the login is
// written to the disk.
#include <chrono>
#include <optional>
#include <utility>

#include "client-proxy/login/login_standing.hpp"
#include "client-proxy/login/renewal.hpp"
#include "client-proxy/login/renewed_login.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace {

/// How often the wall clock and the profile's files are checked, to notice sleep and a login by another
/// process.
constexpr auto kTick = std::chrono::seconds(2);
/// How long an unreachable CA service is tried again for callers that wait, because the network or the
/// service may have just come back.
constexpr auto kReachTimeout = std::chrono::seconds(2);
constexpr Pace::Bounds kReachPace{std::chrono::milliseconds(200), std::chrono::seconds(1)};

/// Whether an attempt may follow without a pause: the network or the service may come back at any moment, and
/// each attempt takes time by itself.
bool may_be_reached_again(Code code) {
    return code == Code::unreachable || code == Code::timed_out;
}

}  // namespace

bool RenewedLogin::is_due(SystemTime now) const {
    return login_ && now >= login_->renew_after() && pace_.is_due(std::chrono::steady_clock::now());
}

bool RenewedLogin::must_pause() const {
    return failure_ && !may_be_reached_again(failure_->code) && !pace_.is_due(std::chrono::steady_clock::now());
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
    const auto until = std::chrono::steady_clock::now() + kReachTimeout;
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
    // The time is read before the files, so that a login which another process writes in between is noticed
    // at the next check.
    files_seen_ = write_time(folder_.login_certificate());
    const LoginPtr newest = newest_login(folder_, before);
    const std::string fingerprint = newest ? newest->certificate().fingerprint() : std::string();
    const bool is_same = newest && before.login && fingerprint == before.login->certificate().fingerprint();
    const bool is_dead = newest && fingerprint == dead_fingerprint_;
    // In these cases callers get the last answer at once, without a request to the CA.
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

/// Takes over the outcome of a renewal. The clock is read again, because the CA's answer may have corrected
/// it.
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
    const bool is_early = pki::is_too_early(login_->certificate().not_before(), now);
    if (!is_early && login_->is_used_up(now) && login_->ends_with_session()) {
        failure_ = session_over();
        pace_.failed(steady);
    } else if (is_early || login_->is_used_up(now)) {
        failure_ = no_help(*login_, now);
        pace_.failed(steady);
    } else if (login_->ends_with_session() || now >= login_->renew_after()) {
        // A renewal cannot give a longer certificate.
        pace_.failed(steady);
    } else {
        pace_ = Pace(renewal_pace(login_));
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
    const auto seen = write_time(folder_.login_certificate());
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

/// Reads the login again when another process has logged in, renewed, or logged out.
void RenewedLogin::watch_files(std::unique_lock<std::mutex>& lock) {
    const auto seen = write_time(folder_.login_certificate());
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
    pace_ = Pace(renewal_pace(login_));
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

}  // namespace postern::client
