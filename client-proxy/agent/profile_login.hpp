// The profile login owns what the agent knows of the profile: the trusted CA, the login that renews itself,
// the clients that ask the person for a new one, and what has been told of all this.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/login/login_standing.hpp"
#include "client-proxy/login/renewed_login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// The profile's login is another one than before.
struct LoginChange {
    /// Null after a logout.
    LoginPtr login;
    /// Whether it is a new certificate of the same login session.
    bool is_renewal = false;

    bool has_ended() const noexcept { return !login; }
    bool is_new() const noexcept { return login && !is_renewal; }
};

/// Everything happens on the control loop.
class ProfileLogin {
public:
    struct Hooks {
        /// The other parts let go of what they knew by the login before. No client has been told yet.
        std::function<void(const LoginChange&)> on_change;
        /// The event of the change has been told; what follows from it is to be done and published.
        std::function<void(const LoginChange&)> on_told;
    };

    /// Loads the login from the folder and begins to renew it.
    ProfileLogin(Announcer& announcer, ProfileFolder folder, Hooks hooks);
    ProfileLogin(const ProfileLogin&) = delete;
    ProfileLogin& operator=(const ProfileLogin&) = delete;

    /// Sessions take the login from here. It is the same object as long as this one lives.
    const std::shared_ptr<RenewedLogin>& source() const noexcept { return source_; }
    /// This is the last login that clients were told of; it is null when nobody is logged in.
    const LoginPtr& login() const noexcept { return login_; }
    /// A request that needs a login is refused with this while there is none.
    Refusal no_login() const;
    /// Returns the services as the CA lists them for that login, or as it did for the last one.
    std::shared_ptr<const Catalogue> catalogue_of(const LoginSource& logins) const;
    /// Returns the word by which clients are told why. A CA that does not answer has a word of its own: what
    /// helps is another thing than for a gateway.
    std::string reason_word(const Refusal& refusal) const;
    /// Adds the login session and the certificate's serial, by which the records of the gateway and of the CA
    /// are found.
    void identify(nlohmann::json& event) const;

    /// Takes what somebody has just put into the profile (null: logged out), and tells of it.
    void adopt(const LoginPtr& login);
    /// Takes the profile of a CA that has just been accepted, and tells of it.
    void take_profile(Profile profile);
    /// A gateway refused with this code: the CA service is asked where that may be about the login.
    void doubt_after(Code code);
    /// This client shows the person a form when a login is needed, until it no longer asks.
    void asks(control::ClientId client);
    void no_longer_asks(control::ClientId client);

    /// Tells once when this machine's clock begins to be wrong, and once when that is over.
    void watch_clock();
    /// Tells subscribers of the login, and of what needs a person's attention, where that is news.
    void publish();
    void publish_trust();
    nlohmann::json trust_json() const;
    nlohmann::json login_json() const;
    nlohmann::json attention_json() const;

private:
    RenewedLogin::Hooks renewal_hooks();
    void changed(const LoginPtr& login);
    void tell_change(const LoginChange& change);
    void renewal_failed(const Refusal& refusal);
    void kept(const std::optional<Refusal>& why);
    LoginStanding standing() const;

    Announcer& announcer_;
    const ProfileFolder folder_;
    const Hooks hooks_;
    std::optional<Profile> profile_;
    LoginPtr login_;
    std::optional<Refusal> renewal_failure_;
    /// This is why the profile's login cannot be used, until there is another.
    std::optional<Refusal> damage_;
    nlohmann::json told_login_;
    nlohmann::json told_attention_;
    /// This was said of this machine's clock; it is empty while there is nothing to say.
    std::string told_clock_;
    std::set<control::ClientId> askers_;
    /// The source reads it on any thread. Sessions may keep the source for longer than this object lives.
    const std::shared_ptr<std::atomic<std::size_t>> askers_count_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    std::shared_ptr<RenewedLogin> source_;
};

}  // namespace postern::client
