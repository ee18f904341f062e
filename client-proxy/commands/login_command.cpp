#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/login/preferences.hpp"
#include "client-proxy/login/profile.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/key.hpp"

namespace postern::client {

namespace {

// With what an earlier login learnt; where that is of no use any more (the CA was set up anew, or has a new
// root that the pin is for), as at the first time.
Outcome<CaClient> reach_ca(const ProfileFolder& folder, const std::optional<Profile>& known,
                           const std::string& url, const std::string& pin) {
    if (known && known->ca_url == url && known->pin == pin) {
        if (auto server_ca = pki::TrustBundle::load(folder.server_ca())) {
            auto ca = CaClient::make(url, *std::move(server_ca), known->trust_domain, std::nullopt);
            if (!ca) {
                return ca;
            }
            const auto trust = ca->trust();
            if (trust || exit_code_of(trust.error().code) == 5) {
                return ca;
            }
        }
    }
    return CaClient::make_pinned(url, pin);
}

Outcome<std::string> choose_user(const LoginOptions& options, const std::optional<Profile>& known) {
    std::string user = options.user;
    if (user.empty()) {
        const char* const environment = std::getenv("USER");
        const std::string fallback = known ? known->user : environment != nullptr ? environment : "";
        auto answer = ask("User", fallback);
        if (!answer) {
            if (answer.error().code == Code::config_invalid && !fallback.empty()) {
                return fallback;
            }
            return Refusal{
                answer.error().code, answer.error().detail, "Name the user: postern login --user NAME", {}};
        }
        user = *std::move(answer);
    }
    if (!pki::is_login_name(user)) {
        return Refusal{Code::config_invalid,
                       fmt::format("'{}' is no login name", user),
                       "A login name has 1 to 63 letters, digits, dots, underscores, hyphens and at signs.",
                       {}};
    }
    return user;
}

Outcome<Secret> choose_password(const LoginOptions& options, std::string_view user) {
    auto password = options.takes_password_from_stdin ? password_from_stdin()
                                                      : ask_password(fmt::format("Password of {}", user));
    if (!password) {
        return Refusal{password.error().code,
                       password.error().detail,
                       "Where there is no terminal: postern login --password-stdin",
                       {}};
    }
    return *std::move(password);
}

}  // namespace

int log_in(const LoginOptions& given) {
    LoginOptions options = given;
    const auto preferences = Preferences::load();
    if (!preferences) {
        return fail(local_refusal(preferences.error()));
    }
    if (options.ca.empty() && !preferences->ca_url.empty()) {
        options.ca = preferences->ca_url;
        if (options.fingerprint.empty()) {
            options.fingerprint = preferences->fingerprint;
        }
    }
    if (options.user.empty()) {
        options.user = preferences->user;
    }
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(local_refusal(folder.error()));
    }
    std::optional<Profile> known;
    if (auto profile = folder->load()) {
        known = *std::move(profile);
    }
    const std::string url = !options.ca.empty() ? options.ca : known ? known->ca_url : std::string();
    if (url.empty()) {
        return fail_usage("which CA service?",
                          "postern login --ca https://ca.example.org:7444 --fingerprint sha256:HEX");
    }
    std::string pin = known && known->ca_url == url ? known->pin : std::string();
    if (!options.fingerprint.empty()) {
        auto parsed = parse_pin(options.fingerprint);
        if (!parsed) {
            return fail_usage(parsed.error().detail,
                              "The CA's administrator has it from: postern-ca fingerprint");
        }
        pin = *std::move(parsed);
    }
    if (pin.empty()) {
        return fail_usage(fmt::format("the CA service {} is not known yet", url),
                          "Add its fingerprint, which the administrator has from `postern-ca fingerprint`: "
                          "--fingerprint sha256:HEX");
    }

    auto ca = reach_ca(*folder, known, url, pin);
    if (!ca) {
        return fail(ca.error());
    }
    const auto user = choose_user(options, known);
    if (!user) {
        return fail(user.error());
    }
    const auto password = choose_password(options, *user);
    if (!password) {
        return fail(password.error());
    }
    const auto made = make_login_key(preferences->key);
    if (!made) {
        return fail(Refusal{made.error().code == Code::unavailable ? Code::config_invalid : made.error().code,
                            made.error().detail,
                            "Check [key] in config.toml; store = \"file\" needs no device.",
                            {}});
    }
    const auto& key = made->key;
    const auto csr = pki::make_csr_pem(key, *user);
    if (!csr) {
        return fail(local_refusal(csr.error()));
    }
    auto answer = ca->login(*user, *password, *csr);
    if (!answer) {
        Refusal refusal = answer.error();
        if (exit_code_of(refusal.code) == 4) {
            refusal.message = fmt::format("the login as {} was refused: {}", *user, refusal.message);
        }
        return fail(refusal);
    }
    if (X509_check_private_key(answer->chain.front().get(), key.get()) != 1) {
        return fail(Refusal{Code::internal,
                            "the CA service issued a certificate for another key",
                            "Tell the administrator.",
                            {}});
    }
    const auto trust = ca->trust();
    if (!trust) {
        return fail(trust.error());
    }

    Profile profile = updated(known ? *known : Profile(), *answer);
    profile.ca_url = url;
    profile.pin = pin;
    const auto held = folder->lock("login.lock");
    const auto kept =
        held ? keep_login(*folder, profile, *answer, &*trust, &made->file) : Result<void>(held.error());
    if (!kept) {
        return fail(local_refusal(kept.error()));
    }
    const auto now = system_clock()();
    const std::string groups =
        profile.groups.empty() ? "no group" : fmt::format("{}", fmt::join(profile.groups, ", "));
    std::string text = fmt::format("Logged in as {} ({}) at {}.\n", profile.user, groups, url);
    if (profile.session_expires) {
        text += fmt::format("The certificate renews itself until {}; then log in again.\n",
                            local_time(*profile.session_expires, now));
    }
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace postern::client
