// The profile's login, which renews itself, and the callers that wait for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/pace.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/held_login.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// The profile's login, renewed over mTLS when two thirds of its life are over. There is one renewal at a
/// time, in this process and among all processes that share the profile. When a renewal fails while the
/// certificate is still valid, the failure is reported and the renewal is tried again after a growing pause;
/// the same happens when a renewal succeeds but does not help. A login that cannot be written to the disk is
/// used all the same, and written as soon as that is possible. Unless said otherwise, functions may be called
/// from any thread.
class RenewedLogin final : public LoginSource {
public:
    struct Hooks {
        /// Called on the renewing thread with the new login, or with null after a logout.
        std::function<void(LoginPtr)> on_change;
        /// Called on the renewing thread when a renewal failed or did not help.
        std::function<void(const Refusal&)> on_failure;
        /// Called on the renewing thread with a refusal when a renewed login could not be written to the disk
        /// and is used from memory, and without one when it has been written after all.
        std::function<void(const std::optional<Refusal>&)> on_kept;
        /// Whether a program asks the person to log in when only that helps, so that waiting for them makes
        /// sense. Called on any thread.
        std::function<bool()> can_ask;
    };
    /// How long a session waits for the person.
    static constexpr std::chrono::milliseconds kPersonTimeout = std::chrono::seconds(60);

    /// `clock` is the time by which certificates are judged; see login_clock().
    RenewedLogin(ProfileFolder folder, LoginPtr login, Clock clock, Hooks hooks);
    /// Stops and joins the renewing thread. It waits for the end of a request to the CA that is under way.
    ~RenewedLogin() override;
    RenewedLogin(const RenewedLogin&) = delete;
    RenewedLogin& operator=(const RenewedLogin&) = delete;

    boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds timeout,
                                                      WaitsFor worth) override;
    LoginPtr latest() const override;
    bool is_busy() const override;
    /// Why the last renewal failed; no value when it did not fail.
    std::optional<Refusal> failure() const;
    /// Why the current login is not on disk; no value when it is.
    std::optional<Refusal> unkept() const;
    /// Whether sessions wait for the person to log in.
    bool is_awaited() const;
    /// Reports that a gateway no longer accepts the login. This alone does not end the login: the CA is
    /// asked, at most once every few seconds.
    void doubt();
    /// Asks the CA for the current catalogue, which comes with a renewal. It does so at most once every 15
    /// seconds, because a login session is given a bounded number of certificates. Afterwards latest() has
    /// the new catalogue, or is unchanged when this failed or `timeout` passed.
    boost::asio::awaitable<void> ask_catalogue(std::chrono::milliseconds timeout);
    /// Takes over a login that was just written to the profile (null after a logout), so that nobody waits
    /// until the files are checked again. The hooks are not called.
    void adopt(LoginPtr login);
    /// Ends the waits for the person, because no program asks them any more. Those who waited get the
    /// failure.
    void give_up_on_person();

private:
    using Timer = std::shared_ptr<boost::asio::steady_timer>;

    void run();
    static void let_go(std::vector<Timer>& waiting);
    bool is_worth_asking() const;
    bool is_due(SystemTime now) const;
    void renew_now(std::unique_lock<std::mutex>& lock);
    Outcome<HeldLogin> ask_ca(const HeldLogin& held, SystemTime now, bool is_doubted);
    void take(std::unique_lock<std::mutex>& lock, const HeldLogin& before, const Outcome<HeldLogin>& outcome,
              SystemTime asked_at);
    /// Waits for `pause`, then returns whether to try again. It returns false when no caller waits, `until`
    /// has passed, or the object is being destroyed.
    bool may_try_again(std::chrono::steady_clock::time_point until, std::chrono::milliseconds pause);
    void watch_files(std::unique_lock<std::mutex>& lock);
    /// Whether the CA must not be asked before the pause is over, even if callers wait.
    bool must_pause() const;
    /// Tries again to write an unkept login to the disk.
    void keep_now(std::unique_lock<std::mutex>& lock);
    void tell_kept(std::unique_lock<std::mutex>& lock, const std::optional<Refusal>& why);

    const ProfileFolder folder_;
    const Clock clock_;
    const Hooks hooks_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    /// A caller waits for an attempt at renewal.
    bool is_wanted_ = false;
    /// The CA is to be asked even though the certificate is not due for renewal.
    bool is_doubted_ = false;
    std::chrono::steady_clock::time_point next_catalogue_{};
    bool is_renewing_ = false;
    LoginPtr login_;
    std::optional<Refusal> failure_;
    /// The record of `login_` that is still to be written to the disk; null when it is on disk.
    std::shared_ptr<const UnkeptLogin> unkept_;
    Pace pace_;
    Pace keep_pace_;
    Pace doubt_pace_;
    std::vector<Timer> waiting_;
    /// The callers that only a new login by the person can help. They are released when somebody has logged
    /// in.
    std::vector<Timer> waiting_for_person_;

    /// Used by the renewing thread only: the certificate that the CA will not renew any more, and why.
    std::string dead_fingerprint_;
    Refusal dead_refusal_;
    std::filesystem::file_time_type files_seen_{};
    std::thread thread_;
};

}  // namespace postern::client
