// The profile's login, which renews itself, and those who wait for it.
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

/// The profile's login, renewed over mTLS from two thirds of its life on: one renewal at a time in this
/// process and among those that share the profile. A renewal that fails while the certificate is good is told
/// and tried again after a pause that grows; so is one that succeeds and does not help. What the disk does
/// not take is used all the same, and written once it does.
class RenewedLogin final : public LoginSource {
public:
    struct Hooks {
        /// Called on the renewing thread, with the new login (null after a logout).
        std::function<void(LoginPtr)> on_change;
        std::function<void(const Refusal&)> on_failure;
        /// Called on the renewing thread: a renewed login could not be written to the disk, and is used from
        /// memory; or has been written after all (nothing).
        std::function<void(const std::optional<Refusal>&)> on_kept;
        /// Whether somebody asks the person to log in when only that helps, so that it is worth waiting for.
        /// Any thread.
        std::function<bool()> can_ask;
    };
    /// For how long a session waits for the person.
    static constexpr std::chrono::milliseconds kPersonTimeout = std::chrono::seconds(60);

    RenewedLogin(ProfileFolder folder, LoginPtr login, Clock clock, Hooks hooks);
    /// Stops and joins; waits at most for the answer that is under way.
    ~RenewedLogin() override;
    RenewedLogin(const RenewedLogin&) = delete;
    RenewedLogin& operator=(const RenewedLogin&) = delete;

    boost::asio::awaitable<Outcome<LoginPtr>> current(std::chrono::milliseconds timeout,
                                                      WaitsFor worth) override;
    LoginPtr latest() const override;
    bool is_busy() const override;
    /// Why the last renewal failed; nothing when it did not.
    std::optional<Refusal> failure() const;
    /// Why the login that is in use is on no disk; nothing while it is.
    std::optional<Refusal> unkept() const;
    /// Whether sessions wait for the person to log in.
    bool is_awaited() const;
    /// A gateway says that the login is no longer good. That alone ends none: the CA is asked, not more often
    /// than every few seconds.
    void doubt();
    /// Has the CA say anew which services there are, which it does with a renewal; not more often than every
    /// quarter of a minute, since a login session is given a bounded number of certificates. latest() has it
    /// then, or is as it was.
    boost::asio::awaitable<void> ask_catalogue(std::chrono::milliseconds timeout);
    /// What somebody has just put into the profile (null: logged out), so that nobody waits for the next look
    /// at the files. The hooks are not called.
    void adopt(LoginPtr login);
    /// Nobody asks the person any more: who waits for them is told what is wrong.
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
    /// After a pause: whether there is somebody who waits, and the time for it.
    bool may_try_again(std::chrono::steady_clock::time_point until, std::chrono::milliseconds pause);
    void watch_files(std::unique_lock<std::mutex>& lock);
    /// Whether the CA is not to be asked before the pause is over, whoever waits.
    bool must_pause() const;
    /// Tries the disk again.
    void keep_now(std::unique_lock<std::mutex>& lock);
    void tell_kept(std::unique_lock<std::mutex>& lock, const std::optional<Refusal>& why);

    const ProfileFolder folder_;
    const Clock clock_;
    const Hooks hooks_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool is_stopping_ = false;
    /// Somebody waits for a round.
    bool is_wanted_ = false;
    /// The CA is to be asked even though the certificate is not due.
    bool is_doubted_ = false;
    std::chrono::steady_clock::time_point next_catalogue_{};
    bool is_renewing_ = false;
    LoginPtr login_;
    std::optional<Refusal> failure_;
    /// Of what `login_` is, while it is on no disk.
    std::shared_ptr<const UnkeptLogin> unkept_;
    Pace pace_;
    Pace keep_pace_;
    Pace doubt_pace_;
    std::vector<Timer> waiting_;
    /// Those whom only a person can help; let go when somebody has logged in.
    std::vector<Timer> waiting_for_person_;

    /// The renewing thread's alone: the certificate that the CA will renew no more, and why.
    std::string dead_fingerprint_;
    Refusal dead_refusal_;
    std::filesystem::file_time_type files_seen_{};
    std::thread thread_;
};

}  // namespace postern::client
