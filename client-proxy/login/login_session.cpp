#include "client-proxy/login/login_session.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/reason.hpp"
#include "ca_api/trust_set.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "http/https_url.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"

namespace postern::client {

namespace {

Refusal no_ca() {
    return {Code::unauthenticated,
            "no CA service is known yet",
            "Run: postern login --ca https://ca.example.org:7444 --fingerprint sha256:HEX",
            {}};
}

Outcome<Profile> believed(const ProfileFolder& folder) {
    auto profile = folder.load();
    if (!profile) {
        return profile.error().code == Code::not_found ? no_ca() : local_refusal(profile.error());
    }
    if (profile->ca_url.empty() || profile->pin.empty()) {
        return no_ca();
    }
    return *std::move(profile);
}

/// Reaches the CA with the trust that an earlier login stored. When that does not verify the CA any more,
/// because it was set up anew or has a new root to which the pin belongs, it is done as at the first contact.
Outcome<CaClient> reach_ca(const ProfileFolder& folder, const Profile& profile) {
    if (auto server_ca = pki::TrustBundle::load(folder.server_ca())) {
        auto ca = CaClient::make(profile.ca_url, *std::move(server_ca), profile.trust_domain, std::nullopt);
        if (!ca) {
            return ca;
        }
        const auto trust = ca->trust();
        if (trust || reason_of(trust.error().code).exit_code == 5) {
            return ca;
        }
    }
    const auto pin = ca_api::Fingerprint::parse(profile.pin);
    if (!pin) {
        return no_ca();
    }
    return CaClient::make_pinned(profile.ca_url, *pin);
}

/// Whether the code is the CA's own answer to a login. All other codes come from failures on the way to it.
bool is_answer_to_login(Code code) {
    return code == Code::unauthenticated || code == Code::limit_reached || code == Code::user_disabled ||
           code == Code::malformed_request || code == Code::unavailable || code == Code::audit_unavailable;
}

std::string user_in(const LoginFields& fields) {
    for (const auto& [field, entered] : fields) {
        if (field == "username") {
            return std::string(entered.reveal());
        }
    }
    return {};
}

void forget_login(const ProfileFolder& folder) {
    std::error_code ignored;
    std::filesystem::remove(folder.login_certificate(), ignored);
    forget_login_key(folder);
}

/// Removes a new key from the keyring when the login for which it was made does not succeed, because it is
/// useless without its certificate.
class KeyOnTrial {
public:
    explicit KeyOnTrial(const Secret& file) : file_(&file) {}
    ~KeyOnTrial() {
        if (file_ != nullptr) {
            forget_login_key(file_->reveal());
        }
    }
    KeyOnTrial(const KeyOnTrial&) = delete;
    KeyOnTrial& operator=(const KeyOnTrial&) = delete;
    void passed() noexcept { file_ = nullptr; }

private:
    const Secret* file_;
};

/// Logs in with the certificate of the last login, if it is this user's: by its key the CA recognises the
/// user, even while another client at the same address guesses passwords for this name. When this does not
/// reach the CA's judgement (its authority may have changed), it logs in without the certificate.
Outcome<LoginAnswer> ask_for_login(const ProfileFolder& folder, const Profile& profile, CaClient& stranger,
                                   std::string_view method, const LoginFields& fields,
                                   const pki::PrivateKey& key) {
    const auto last = Login::load(folder);
    if (last && (*last)->user() == user_in(fields)) {
        auto known = CaClient::make(profile.ca_url, (*last)->server_ca(), profile.trust_domain,
                                    (*last)->credentials());
        if (known) {
            auto answer = known->login(method, fields, key);
            if (answer || is_answer_to_login(answer.error().code)) {
                return answer;
            }
        }
    }
    return stranger.login(method, fields, key);
}

/// Ends the session at the CA, which revokes every certificate of it, so that copies are useless.
Outcome<void> end_session(const ProfileFolder& folder) {
    const auto login = Login::load(folder);
    if (!login && login.error().code == Code::unauthenticated) {
        return {};
    }
    const auto profile = folder.load();
    // A key that is not available now (the keyring is locked, the token is unplugged) still belongs to a
    // session, so this is an error.
    if (!login || !profile) {
        return local_refusal(login ? profile.error() : login.error());
    }
    auto ca = CaClient::make(profile->ca_url, (*login)->server_ca(), profile->trust_domain,
                             (*login)->credentials());
    if (!ca) {
        return ca.error();
    }
    auto ended = ca->logout();
    if (!ended && (ended.error().code == Code::session_ended || ended.error().code == Code::revoked ||
                   ended.error().code == Code::user_disabled)) {
        return {};
    }
    return ended;
}

}  // namespace

Outcome<ClaimedRoot> inspect_ca(const std::string& address) {
    const auto read = http::HttpsUrl::parse(address);
    if (!read) {
        return Refusal{read.error().code, read.error().detail, {}, {}};
    }
    const std::string url = read->text();
    auto claimed = claimed_trust(url);
    if (!claimed) {
        return claimed.error();
    }
    const auto root = ca_api::root_in(claimed->server_ca);
    if (!root) {
        return ca_refusal({Code::malformed_request, "no root"}, url);
    }
    return ClaimedRoot{ca_api::Fingerprint::of(*root), root->subject(), root->not_after()};
}

Outcome<Profile> accept_ca(const ProfileFolder& folder, const std::string& address,
                           const ca_api::Fingerprint& pin) {
    const auto read = http::HttpsUrl::parse(address);
    if (!read) {
        return Refusal{read.error().code, read.error().detail, {}, {}};
    }
    const std::string url = read->text();
    const auto known = folder.load();
    if (known && known->ca_url == url && known->pin == pin.text()) {
        return *known;
    }
    ca_clock().forget();
    auto ca = CaClient::make_pinned(url, pin);
    if (!ca) {
        return ca.error();
    }
    const auto trust = ca->trust();
    if (!trust) {
        return trust.error();
    }
    Profile profile;
    profile.ca_url = url;
    profile.pin = pin.text();
    profile.trust_domain = trust->trust_domain;
    // The name of the previous login is only the suggestion at the next one.
    profile.user = known ? known->user : std::string();
    const auto held = folder.lock("login.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    if (const auto kept = keep_trust(folder, profile, *trust); !kept) {
        return local_refusal(kept.error());
    }
    forget_login(folder);
    return profile;
}

Outcome<std::vector<LoginMethod>> ask_login_methods(const ProfileFolder& folder) {
    const auto profile = believed(folder);
    if (!profile) {
        return profile.error();
    }
    auto ca = reach_ca(folder, *profile);
    if (!ca) {
        return ca.error();
    }
    return ca->login_methods();
}

Outcome<Profile> log_in(const ProfileFolder& folder, std::string_view method, const LoginFields& fields) {
    const auto known = believed(folder);
    if (!known) {
        return known.error();
    }
    const std::string user = user_in(fields);
    if (!user.empty() && !pki::is_login_name(user)) {
        return Refusal{
            Code::config_invalid,
            fmt::format("'{}' is no login name", user),
            "A login name has 1 to 63 letters, digits and . _ - @ +, the first one a letter, a digit or _",
            {}};
    }
    auto ca = reach_ca(folder, *known);
    if (!ca) {
        return ca.error();
    }
    const auto preferences = Preferences::load();
    if (!preferences) {
        return settings_refusal(preferences.error());
    }
    const auto made = make_login_key(preferences->key, user);
    if (!made) {
        return Refusal{made.error().code == Code::unavailable ? Code::config_invalid : made.error().code,
                       made.error().detail,
                       "Check [key] in config.toml; store = \"file\" needs neither device nor keyring.",
                       {}};
    }
    KeyOnTrial on_trial(made->file);
    auto answer = ask_for_login(folder, *known, *ca, method, fields, made->key);
    if (!answer) {
        Refusal refusal = answer.error();
        if (reason_of(refusal.code).exit_code == 4) {
            refusal.message = fmt::format("the login as {} was refused: {}", user, refusal.message);
        }
        return refusal;
    }
    const auto trust = ca->trust();
    if (!trust) {
        return trust.error();
    }
    const Profile profile = updated(*known, *answer);
    const auto held = folder.lock("login.lock");
    const auto before = read_file(folder.login_key());
    const auto kept =
        held ? keep_login(folder, profile, *answer, &*trust, &made->file) : Result<void>(held.error());
    if (!kept) {
        return local_refusal(kept.error());
    }
    on_trial.passed();
    if (before) {
        forget_login_key(*before);
    }
    return profile;
}

Outcome<bool> log_out(const ProfileFolder& folder) {
    const auto held = folder.lock("login.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    const bool was_logged_in = std::filesystem::exists(folder.login_certificate());
    const auto ended = end_session(folder);
    forget_login(folder);
    if (!ended) {
        Refusal refusal = ended.error();
        refusal.message =
            "the key is deleted here, but the session could not be ended at the CA: " + refusal.message;
        refusal.hint =
            "Copies of the certificate work until it expires. The administrator can end it: postern-ca cert "
            "revoke";
        return refusal;
    }
    return was_logged_in;
}

}  // namespace postern::client
