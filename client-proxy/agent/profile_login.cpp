#include "client-proxy/agent/profile_login.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/reason.hpp"
#include "client-proxy/agent/refusal_words.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/refusal/ca_clock.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

// A login may be called expired that is not: then a clock is wrong, which the CA's answer shows.
bool is_about_login(Code code) {
    return code == Code::revoked || code == Code::user_disabled || code == Code::session_ended ||
           code == Code::expired || code == Code::not_yet_valid;
}

// After a change of the CA's issuing key only a new certificate helps. Where a new one is refused, too, the
// gateway's list is too old for any.
bool may_be_of_an_old_key(Code code, const LoginPtr& login) {
    return code == Code::crl_stale && login && !login->is_new(ca_clock().now());
}

json attention_of(std::string_view reason, std::string_view message, std::string_view hint,
                  bool is_waited_for = false) {
    json told{{"reason", reason}, {"message", message}, {"hint", hint}};
    if (is_waited_for) {
        told["waiting"] = true;
    }
    return told;
}

}  // namespace

ProfileLogin::ProfileLogin(Announcer& announcer, ProfileFolder folder, Hooks hooks)
    : announcer_(announcer), folder_(std::move(folder)), hooks_(std::move(hooks)) {
    if (auto profile = folder_.load()) {
        profile_ = *std::move(profile);
    }
    LoginPtr login;
    auto loaded = Login::load(folder_);
    if (loaded) {
        login = *std::move(loaded);
    } else if (loaded.error().code != Code::unauthenticated) {
        damage_ = local_refusal(loaded.error());
    }
    login_ = login;
    source_ = std::make_shared<RenewedLogin>(folder_, std::move(login), login_clock(), renewal_hooks());
}

// The hooks are called on the renewing thread, but for can_ask, which any thread may call.
RenewedLogin::Hooks ProfileLogin::renewal_hooks() {
    asio::io_context& loop = announcer_.loop();
    RenewedLogin::Hooks hooks;
    hooks.on_change = [this, &loop](const LoginPtr& login) {
        asio::post(loop, [this, login] { changed(login); });
    };
    hooks.on_failure = [this, &loop](const Refusal& refusal) {
        asio::post(loop, [this, refusal] { renewal_failed(refusal); });
    };
    hooks.on_kept = [this, &loop](const std::optional<Refusal>& why) {
        asio::post(loop, [this, why] { kept(why); });
    };
    hooks.can_ask = [count = askers_count_] { return *count > 0; };
    return hooks;
}

Refusal ProfileLogin::no_login() const {
    return damage_.value_or(Refusal{Code::unauthenticated, "nobody is logged in", "Run: postern login", {}});
}

std::shared_ptr<const Catalogue> ProfileLogin::catalogue_of(const LoginSource& logins) const {
    if (const LoginPtr login = logins.latest()) {
        return {login, &login->catalogue()};
    }
    return std::make_shared<const Catalogue>(profile_ ? profile_->catalogue : Catalogue());
}

std::string ProfileLogin::reason_word(const Refusal& refusal) const {
    if (!refusal.reason.empty()) {
        return std::string(refusal.reason);
    }
    const auto failure = source_->failure();
    const bool is_ca = failure && failure->message == refusal.message && may_be_gateway(refusal.code);
    return is_ca ? "ca_unreachable" : std::string(postern::name(refusal.code));
}

void ProfileLogin::identify(json& event) const {
    if (login_ && profile_) {
        event["session"] = profile_->session_id;
        event["serial"] = login_->certificate().serial();
    }
}

void ProfileLogin::adopt(const LoginPtr& login) {
    source_->adopt(login);
    changed(login);
}

void ProfileLogin::take_profile(Profile profile) {
    profile_ = std::move(profile);
    publish_trust();
    publish();
}

void ProfileLogin::doubt_after(Code code) {
    if (is_about_login(code) || may_be_of_an_old_key(code, source_->latest())) {
        source_->doubt();
    }
}

void ProfileLogin::asks(control::ClientId client) {
    askers_.insert(client);
    *askers_count_ = askers_.size();
}

void ProfileLogin::no_longer_asks(control::ClientId client) {
    const bool was_asking = askers_.erase(client) > 0;
    *askers_count_ = askers_.size();
    if (was_asking && askers_.empty()) {
        source_->give_up_on_person();
    }
}

void ProfileLogin::changed(const LoginPtr& login) {
    const LoginPtr before = std::exchange(login_, login);
    if (before == login || announcer_.is_stopping()) {
        return;
    }
    if (auto profile = folder_.load()) {
        profile_ = *std::move(profile);
    }
    renewal_failure_.reset();
    damage_.reset();
    const bool is_renewal = before && login && before->identity() && login->identity() &&
                            before->identity()->session_id == login->identity()->session_id;
    const LoginChange change{login, is_renewal};
    hooks_.on_change(change);
    tell_change(change);
    hooks_.on_told(change);
}

void ProfileLogin::tell_change(const LoginChange& change) {
    if (change.has_ended()) {
        announcer_.tell({EventKind::logout, {}, {Code::internal, "logged out", {}, {}}, false, {}, 0});
        return;
    }
    Event event;
    event.kind = change.is_renewal ? EventKind::renewed : EventKind::login;
    event.told.message =
        (change.is_renewal ? "the login certificate is renewed until " : "logged in until ") +
        format_time(change.login->not_after());
    announcer_.tell(event);
}

void ProfileLogin::renewal_failed(const Refusal& refusal) {
    const bool is_news = !renewal_failure_ || renewal_failure_->message != refusal.message;
    renewal_failure_ = refusal;
    if (is_news) {
        announcer_.tell({EventKind::renewal_failed, {}, refusal, true, {}, 0});
        publish();
    }
}

void ProfileLogin::kept(const std::optional<Refusal>& why) {
    const Refusal kept{Code::internal, "the login certificate is on the disk again", {}, {}};
    announcer_.tell({EventKind::remark, {}, why.value_or(kept), why.has_value(), {}, 0});
    publish();
}

void ProfileLogin::watch_clock() {
    const std::string trouble = clock_trouble();
    if (trouble.empty() == told_clock_.empty()) {
        return;
    }
    told_clock_ = trouble;
    const Refusal wrong{Code::not_yet_valid, trouble + "; logins are judged by the CA's", kSetTheClock, {}};
    const Refusal right{Code::internal, "this machine's clock is right again", {}, {}};
    announcer_.tell({EventKind::remark, {}, trouble.empty() ? right : wrong, !trouble.empty(), {}, 0});
}

void ProfileLogin::publish() {
    json login = login_json();
    json compared = login;
    if (compared.is_object()) {
        compared.erase("remaining_seconds");
    }
    if (compared != told_login_) {
        told_login_ = std::move(compared);
        announcer_.publish("login", login);
    }
    json attention = attention_json();
    if (attention != told_attention_) {
        told_attention_ = attention;
        json params = {{"attention", attention}};
        announcer_.publish("attention", params);
    }
}

void ProfileLogin::publish_trust() {
    announcer_.publish("trust", trust_json());
}

json ProfileLogin::trust_json() const {
    if (!profile_ || profile_->ca_url.empty()) {
        return nullptr;
    }
    auto gateways = json::array();
    for (const auto& gateway : profile_->catalogue.gateways) {
        gateways.push_back(gateway.address);
    }
    return {{"ca", profile_->ca_url},
            {"trust_domain", profile_->trust_domain},
            {"fingerprint", profile_->pin},
            {"gateways", gateways},
            {"user", profile_->user}};
}

LoginStanding ProfileLogin::standing() const {
    return standing_of(*login_, profile_ ? profile_->session_expires : std::nullopt, source_->failure(),
                       source_->is_busy(), ca_clock().now());
}

json ProfileLogin::login_json() const {
    if (!login_) {
        return nullptr;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(login_->not_after() - ca_clock().now());
    const LoginStanding stands = standing();
    json told = {{"user", login_->user()},
                 {"groups", profile_ ? profile_->groups : std::vector<std::string>()},
                 {"serial", login_->certificate().serial()},
                 {"issuer", login_->certificate().issuer()},
                 {"not_before", format_time(login_->certificate().not_before())},
                 {"not_after", format_time(login_->not_after())},
                 {"renew_after", format_time(login_->renew_after())},
                 {"remaining_seconds", std::max<std::int64_t>(0, left.count())},
                 {"session_ends", nullptr},
                 {"certificate_file", folder_.login_certificate().string()},
                 {"key_file", has_key_file(folder_) ? json(folder_.login_key().string()) : json()},
                 {"server_ca_file", folder_.server_ca().string()},
                 {"state", name(stands.state)},
                 {"error", nullptr},
                 {"unkept", nullptr}};
    if (profile_ && profile_->session_expires) {
        told["session_ends"] = format_time(*profile_->session_expires);
    }
    if (stands.why) {
        told["error"] = error_json(*stands.why, reason_word(*stands.why));
    }
    if (const auto unkept = source_->unkept()) {
        told["unkept"] = error_json(*unkept, reason_word(*unkept));
    }
    return told;
}

json ProfileLogin::attention_json() const {
    if (trust_json().is_null()) {
        return attention_of("trust_required", "No CA service is known yet.",
                            "Enter its address and compare its fingerprint, or run: postern login --ca URL "
                            "--fingerprint sha256:HEX");
    }
    const json login = login_json();
    // Whoever shows a form shows it now.
    const bool is_waited_for = source_->is_awaited();
    if (login.is_null()) {
        return attention_of("login_required", "Nobody is logged in.", "Log in: postern login", is_waited_for);
    }
    if (login["state"] == "revoked") {
        return attention_of("revoked", "The login has been revoked.",
                            "Log in again, or ask the administrator why.", is_waited_for);
    }
    if (login["state"] == "expired") {
        const auto failure = source_->failure();
        if (failure && reason_of(failure->code).exit_code == 5) {
            return attention_of("ca_unreachable", failure->message, failure->hint);
        }
        return attention_of("login_expired", "The login has ended.", "Log in again: postern login",
                            is_waited_for);
    }
    return nullptr;
}

}  // namespace postern::client
