#include "client-proxy/agent/login_methods.hpp"

#include <functional>
#include <utility>

#include "base/counted.hpp"
#include "ca_api/fingerprint.hpp"
#include "client-proxy/agent/run_blocking.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/login/login_session.hpp"

namespace postern::client {

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

// What is longer than this is no label and no password.
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

LoginMethods::LoginMethods(ProfileFolder folder, ProfileLogin& login)
    : folder_(std::move(folder)), login_(login) {}

LoginMethods::Answering LoginMethods::trust_inspect(control::ClientId, json params) {
    const std::string url = control::Parameters(params).text("ca");
    const Counted counted(under_way_);
    std::function<Outcome<ClaimedRoot>()> work = [url] { return inspect_ca(url); };
    auto running = run_blocking<Outcome<ClaimedRoot>>(pool_, std::move(work));
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

LoginMethods::Answering LoginMethods::trust_compare(control::ClientId, json params) {
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

LoginMethods::Answering LoginMethods::trust_accept(control::ClientId, json params) {
    const control::Parameters said(params);
    const std::string url = said.text("ca");
    const auto pin = ca_api::Fingerprint::parse(said.text("fingerprint"));
    if (!pin) {
        control::Reply bad =
            control::Error{control::ErrorCode::invalid_parameters, pin.error().detail, nullptr};
        co_return std::move(bad);
    }
    const Counted counted(under_way_);
    std::function<Outcome<Profile>()> work = [folder = folder_, url, wanted = *pin] {
        return accept_ca(folder, url, wanted);
    };
    auto running = run_blocking<Outcome<Profile>>(pool_, std::move(work));
    const auto profile = co_await std::move(running);
    if (!profile) {
        control::Reply bad = control::refusal_reply(profile.error());
        co_return std::move(bad);
    }
    if (auto login = Login::load(folder_); !login) {
        login_.adopt(nullptr);
    }
    login_.take_profile(*profile);
    control::Reply reply = login_.trust_json();
    co_return std::move(reply);
}

LoginMethods::Answering LoginMethods::methods(control::ClientId, json) {
    const Counted counted(under_way_);
    std::function<Outcome<std::vector<LoginMethod>>()> work = [folder = folder_] {
        return ask_login_methods(folder);
    };
    auto running = run_blocking<Outcome<std::vector<LoginMethod>>>(pool_, std::move(work));
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

LoginMethods::Answering LoginMethods::login(control::ClientId, json params) {
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
    const Counted counted(under_way_);
    std::function<Outcome<Profile>()> work = [folder = folder_, method, entered = *std::move(fields)] {
        return log_in(folder, method, entered);
    };
    auto running = run_blocking<Outcome<Profile>>(pool_, std::move(work));
    const auto profile = co_await std::move(running);
    if (!profile) {
        const bool is_wrong = profile.error().code == Code::unauthenticated;
        const bool is_unknown = is_wrong && login_.trust_json().is_null();
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
    login_.adopt(*login);
    control::Reply reply = login_.login_json();
    co_return std::move(reply);
}

LoginMethods::Answering LoginMethods::logout(control::ClientId, json) {
    const Counted counted(under_way_);
    std::function<Outcome<bool>()> work = [folder = folder_] { return log_out(folder); };
    auto running = run_blocking<Outcome<bool>>(pool_, std::move(work));
    const auto ended = co_await std::move(running);
    login_.adopt(nullptr);
    if (!ended) {
        control::Reply bad = control::refusal_reply(ended.error());
        co_return std::move(bad);
    }
    json answer = {{"was_logged_in", *ended}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

}  // namespace postern::client
