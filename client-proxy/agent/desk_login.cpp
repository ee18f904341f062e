// The part of the desk that is about trust and the login.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/counted.hpp"
#include "base/reason.hpp"
#include "ca_api/fingerprint.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/agent/run_blocking.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/login/login_session.hpp"
#include "client-proxy/refusal/ca_clock.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

json to_json(const LoginMethod& method) {
    auto fields = json::array();
    for (const auto& field : method.fields) {
        fields.push_back({{"name", field.name},
                          {"label", field.label},
                          {"kind", field.kind},
                          {"required", field.is_required}});
    }
    return {{"id", method.id}, {"title", method.title}, {"kind", method.kind}, {"fields", fields}};
}

// Above this a label or a password is no label and no password.
constexpr std::size_t kMostFieldBytes = 4096;
constexpr std::size_t kMostLoginFields = 16;

Outcome<LoginFields> fields_in(json& params) {
    LoginFields fields;
    for (auto& [name, value] : params.at("fields").items()) {
        auto& text = value.get_ref<std::string&>();
        if (text.size() > kMostFieldBytes || fields.size() == kMostLoginFields) {
            return Refusal{Code::malformed_request, "a field of the login is too long", {}, {}};
        }
        fields.emplace_back(name, Secret(std::move(text)));
    }
    return fields;
}

}  // namespace

Desk::Answering Desk::trust_inspect(control::ClientId, json params) {
    const std::string url = control::Parameters(params).text("ca");
    const Counted counted(blocking_under_way_);
    std::function<Outcome<ClaimedRoot>()> work = [url] { return inspect_ca(url); };
    auto running = run_blocking<Outcome<ClaimedRoot>>(blocking_pool_, std::move(work));
    const auto root = co_await std::move(running);
    if (!root) {
        control::Reply bad = control::refusal_reply(root.error());
        co_return std::move(bad);
    }
    json answer = {{"ca", url},
                   {"fingerprint", root->fingerprint.text()},
                   {"subject", root->subject},
                   {"not_after", format_time(root->not_after)}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::trust_compare(control::ClientId, json params) {
    const control::Parameters said(params);
    const auto shown = ca_api::Fingerprint::parse(said.text("fingerprint"));
    const auto given = ca_api::Fingerprint::parse(said.text("given"));
    if (!shown) {
        control::Reply bad =
            control::Error{control::ErrorCode::invalid_parameters, shown.error().detail, nullptr};
        co_return std::move(bad);
    }
    const bool is_same = given && *given == *shown;
    json answer = {{"is_fingerprint", given.has_value()}, {"is_same", is_same}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::trust_accept(control::ClientId, json params) {
    const control::Parameters said(params);
    const std::string url = said.text("ca");
    const auto pin = ca_api::Fingerprint::parse(said.text("fingerprint"));
    if (!pin) {
        control::Reply bad =
            control::Error{control::ErrorCode::invalid_parameters, pin.error().detail, nullptr};
        co_return std::move(bad);
    }
    const Counted counted(blocking_under_way_);
    std::function<Outcome<Profile>()> work = [folder = folder_, url, wanted = *pin] {
        return accept_ca(folder, url, wanted);
    };
    auto running = run_blocking<Outcome<Profile>>(blocking_pool_, std::move(work));
    const auto profile = co_await std::move(running);
    if (!profile) {
        control::Reply bad = control::refusal_reply(profile.error());
        co_return std::move(bad);
    }
    if (auto login = Login::load(folder_); !login) {
        logins_->adopt(nullptr);
        login_changed(nullptr);
    }
    profile_ = *profile;
    publish("trust", trust_json());
    publish_login();
    control::Reply reply = trust_json();
    co_return std::move(reply);
}

Desk::Answering Desk::login_methods(control::ClientId, json) {
    const Counted counted(blocking_under_way_);
    std::function<Outcome<std::vector<LoginMethod>>()> work = [folder = folder_] {
        return ask_login_methods(folder);
    };
    auto running = run_blocking<Outcome<std::vector<LoginMethod>>>(blocking_pool_, std::move(work));
    const auto methods = co_await std::move(running);
    if (!methods) {
        const bool is_unknown = methods.error().code == Code::unauthenticated;
        control::Reply bad = control::refusal_reply(methods.error(), is_unknown ? "trust_required" : "");
        co_return std::move(bad);
    }
    auto list = json::array();
    for (const auto& method : *methods) {
        list.push_back(to_json(method));
    }
    json answer = {{"methods", list}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::login(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string method = given.text("method", "password");
    for (const auto& [name, value] : given.object("fields").items()) {
        if (!value.is_string()) {
            throw control::BadParameter("fields is an object of strings");
        }
    }
    auto fields = fields_in(params);
    if (!fields) {
        control::Reply bad = control::refusal_reply(fields.error());
        co_return std::move(bad);
    }
    const Counted counted(blocking_under_way_);
    std::function<Outcome<Profile>()> work = [folder = folder_, method, entered = *std::move(fields)] {
        return log_in(folder, method, entered);
    };
    auto running = run_blocking<Outcome<Profile>>(blocking_pool_, std::move(work));
    const auto profile = co_await std::move(running);
    if (!profile) {
        const bool is_wrong = profile.error().code == Code::unauthenticated;
        const bool is_unknown = is_wrong && trust_json().is_null();
        control::Reply bad = control::refusal_reply(profile.error(), is_unknown ? "trust_required"
                                                                     : is_wrong ? "bad_credentials"
                                                                                : "");
        co_return std::move(bad);
    }
    const auto login = Login::load(folder_);
    if (!login) {
        control::Reply bad = control::refusal_reply(local_refusal(login.error()));
        co_return std::move(bad);
    }
    logins_->adopt(*login);
    login_changed(*login);
    control::Reply reply = login_json();
    co_return std::move(reply);
}

Desk::Answering Desk::logout(control::ClientId, json) {
    const Counted counted(blocking_under_way_);
    std::function<Outcome<bool>()> work = [folder = folder_] { return log_out(folder); };
    auto running = run_blocking<Outcome<bool>>(blocking_pool_, std::move(work));
    const auto ended = co_await std::move(running);
    logins_->adopt(nullptr);
    login_changed(nullptr);
    if (!ended) {
        control::Reply bad = control::refusal_reply(ended.error());
        co_return std::move(bad);
    }
    json answer = {{"was_logged_in", *ended}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

// Called on the renewing thread.
RenewedLogin::Hooks Desk::hooks() {
    RenewedLogin::Hooks hooks;
    hooks.on_change = [this](const LoginPtr& login) {
        asio::post(control_.at(0), [this, login] { login_changed(login); });
    };
    hooks.on_failure = [this](const Refusal& refusal) {
        asio::post(control_.at(0), [this, refusal] { renewal_failed(refusal); });
    };
    hooks.on_kept = [this](const std::optional<Refusal>& why) {
        asio::post(control_.at(0), [this, why] { login_kept(why); });
    };
    hooks.can_ask = [this] { return askers_count_ > 0; };
    return hooks;
}

Refusal Desk::no_login() const {
    return damage_.value_or(Refusal{Code::unauthenticated, "nobody is logged in", "Run: postern login", {}});
}

void Desk::login_changed(const LoginPtr& login) {
    const LoginPtr before = std::exchange(login_, login);
    if (before == login || is_stopping_) {
        return;
    }
    if (auto profile = folder_.load()) {
        profile_ = *std::move(profile);
    }
    renewal_failure_.reset();
    damage_.reset();
    offers_failure_.reset();
    if (!login) {
        has_offers_ = false;
        offers_.clear();
        const Refusal why{
            Code::session_ended, "you logged out", "Run: postern login, then connect again.", {}};
        for (const auto& held : ports_.all()) {
            if (held.port->logins == logins_) {
                agent_.end_tunnels(*held.port, why);
            }
        }
        note_here({EventKind::logout, {}, {Code::internal, "logged out", {}, {}}, false, {}, 0});
    } else {
        const bool is_renewal = before && before->identity() && login->identity() &&
                                before->identity()->session_id == login->identity()->session_id;
        Event event;
        event.kind = is_renewal ? EventKind::renewed : EventKind::login;
        event.told.message = (is_renewal ? "the login certificate is renewed until " : "logged in until ") +
                             format_time(login->not_after());
        note_here(event);
        agent_.show(logins_, login);
        // What was wrong with the old one says nothing of the new one.
        for (auto& [service, mark] : marks_) {
            mark = Mark();
        }
        if (!is_renewal) {
            has_offers_ = false;
            refresh_pace_.worked();
            publish("trust", trust_json());
            connect_at_start();
        }
    }
    publish_login();
    publish("services", offers_json());
}

void Desk::renewal_failed(const Refusal& refusal) {
    const bool is_news = !renewal_failure_ || renewal_failure_->message != refusal.message;
    renewal_failure_ = refusal;
    if (is_news) {
        note_here({EventKind::renewal_failed, {}, refusal, true, {}, 0});
        publish_login();
    }
}

void Desk::login_kept(const std::optional<Refusal>& why) {
    const Refusal kept{Code::internal, "the login certificate is on the disk again", {}, {}};
    note_here({EventKind::remark, {}, why.value_or(kept), why.has_value(), {}, 0});
    publish_login();
}

// Once when it begins, and once when it is over.
void Desk::watch_clock() {
    const std::string trouble = clock_trouble();
    if (trouble.empty() == told_clock_.empty()) {
        return;
    }
    told_clock_ = trouble;
    const Refusal wrong{Code::not_yet_valid, trouble + "; logins are judged by the CA's", kSetTheClock, {}};
    const Refusal right{Code::internal, "this machine's clock is right again", {}, {}};
    note_here({EventKind::remark, {}, trouble.empty() ? right : wrong, !trouble.empty(), {}, 0});
}

void Desk::publish_login() {
    json login = login_json();
    json compared = login;
    if (compared.is_object()) {
        compared.erase("remaining_seconds");
    }
    if (compared != told_login_) {
        told_login_ = std::move(compared);
        publish("login", login);
    }
    json attention = attention_json();
    if (attention != told_attention_) {
        told_attention_ = attention;
        json params = {{"attention", attention}};
        publish("attention", params);
    }
}

json Desk::trust_json() const {
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

LoginStanding Desk::standing() const {
    return standing_of(*login_, profile_ ? profile_->session_expires : std::nullopt, logins_->failure(),
                       logins_->is_busy(), ca_clock().now());
}

json Desk::login_json() const {
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
    if (const auto unkept = logins_->unkept()) {
        told["unkept"] = error_json(*unkept, reason_word(*unkept));
    }
    return told;
}

json Desk::attention_json() const {
    const auto tell = [](std::string_view reason, std::string_view message, std::string_view hint,
                         bool is_waited_for = false) {
        json told{{"reason", reason}, {"message", message}, {"hint", hint}};
        if (is_waited_for) {
            told["waiting"] = true;
        }
        return told;
    };
    if (trust_json().is_null()) {
        return tell("trust_required", "No CA service is known yet.",
                    "Enter its address and compare its fingerprint, or run: postern login --ca URL "
                    "--fingerprint sha256:HEX");
    }
    const json login = login_json();
    // Whoever shows a form shows it now.
    const bool is_waited_for = logins_->is_awaited();
    if (login.is_null()) {
        return tell("login_required", "Nobody is logged in.", "Log in: postern login", is_waited_for);
    }
    if (login["state"] == "revoked") {
        return tell("revoked", "The login has been revoked.", "Log in again, or ask the administrator why.",
                    is_waited_for);
    }
    if (login["state"] == "expired") {
        const auto failure = logins_->failure();
        if (failure && reason_of(failure->code).exit_code == 5) {
            return tell("ca_unreachable", failure->message, failure->hint);
        }
        return tell("login_expired", "The login has ended.", "Log in again: postern login", is_waited_for);
    }
    return nullptr;
}

}  // namespace postern::client
