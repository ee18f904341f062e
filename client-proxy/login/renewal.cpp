#include "client-proxy/login/renewal.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace {

/// The longest pause between renewals that fail or do not help. Certificates that live for minutes have a
/// shorter one.
constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(30);

}  // namespace

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
    // A rotated CA becomes known over a connection that the old one verifies. The renewal is valid without
    // this answer too.
    const auto trust = ca->trust();
    UnkeptLogin renewed{updated(*profile, *answer), *answer,
                        trust ? std::optional<Trust>(*trust) : std::nullopt, replaces, Failure{}};
    net::TlsCredentials credentials{login->credentials().key, renewed.answer.chain};
    auto made = Login::make(std::move(credentials), trust ? trust->server_ca : login->server_ca(),
                            renewed.profile.trust_domain, renewed.profile.catalogue,
                            {renewed.profile.renew_after, renewed.profile.session_expires});
    if (!made) {
        return local_refusal(made.error());
    }
    if (auto kept = keep(folder, renewed); !kept) {
        renewed.why = kept.error();
        return HeldLogin{*std::move(made), std::make_shared<const UnkeptLogin>(std::move(renewed))};
    }
    return HeldLogin{*std::move(made), nullptr};
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

bool is_final(Code code) {
    return code == Code::session_ended || code == Code::user_disabled || code == Code::revoked ||
           code == Code::unauthenticated;
}

/// The first pause is short, because the network may have been away only for a moment.
Pace::Bounds renewal_pace(const LoginPtr& login) {
    std::chrono::milliseconds most = kLongestPause;
    if (login) {
        const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(
            login->not_after() - login->certificate().not_before());
        most = std::clamp<std::chrono::milliseconds>(life / 20, std::chrono::seconds(1), kLongestPause);
    }
    return {std::min<std::chrono::milliseconds>(most, std::chrono::seconds(2)), most};
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

}  // namespace postern::client
