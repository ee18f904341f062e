#include "client-proxy/agent/settings_methods.hpp"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client-proxy/agent/refusal_words.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

using nlohmann::json;

SettingsMethods::SettingsMethods(Announcer& announcer, ProfileFolder folder, Agent& agent,
                                 SettingsWatch watch, Hooks hooks)
    : announcer_(announcer),
      folder_(std::move(folder)),
      agent_(agent),
      hooks_(std::move(hooks)),
      watch_(std::move(watch)),
      values_(AgentSettings::load(folder_)) {}

SettingsMethods::Answering SettingsMethods::get(control::ClientId, json) {
    control::Reply reply = values_.to_json();
    co_return std::move(reply);
}

SettingsMethods::Answering SettingsMethods::set(control::ClientId, json params) {
    const AgentSettings before = values_;
    auto done = values_.take(params);
    if (done) {
        done = values_.save(folder_);
    }
    if (!done) {
        values_ = before;
        control::Reply bad =
            done.error().code == Code::malformed_request
                ? control::Error{control::ErrorCode::invalid_parameters, done.error().detail, nullptr}
                : control::error_of(local_refusal(done.error()));
        co_return std::move(bad);
    }
    announcer_.publish("settings", values_.to_json());
    hooks_.on_set();
    control::Reply reply = values_.to_json();
    co_return std::move(reply);
}

Outcome<void> SettingsMethods::remember_database(const std::string& service, const std::string& database) {
    if (database.empty() || values_.database(service) == database) {
        return {};
    }
    AgentSettings changed = values_;
    json databases = changed.databases;
    databases[service] = database;
    if (auto taken = changed.take({{"databases", databases}}); !taken) {
        return bad_database_name(database);
    }
    if (auto saved = changed.save(folder_); !saved) {
        return local_refusal(saved.error());
    }
    values_ = std::move(changed);
    announcer_.publish("settings", values_.to_json());
    return {};
}

void SettingsMethods::watch() {
    auto changed = watch_.look();
    if (!changed) {
        return;
    }
    Result<ProxyRules> rules = *changed ? ProxyRules::make((*changed)->proxy.reveal(), (*changed)->no_proxy,
                                                           [](const char* name) { return std::getenv(name); })
                                        : Result<ProxyRules>(changed->error());
    if (!rules) {
        watch_.refuse(rules.error());
        Refusal refusal = settings_refusal(rules.error());
        refusal.message = "the settings stay as they were: " + refusal.message;
        announcer_.tell({EventKind::remark, {}, refusal, true, {}, 0});
        return;
    }
    const bool listens_otherwise = (*changed)->unsafe_listen != watch_.in_force().unsafe_listen;
    watch_.take(**changed);
    use_proxy_rules(*std::move(rules));
    agent_.use(LocalRules{watch_.in_force().unsafe_listen, watch_.in_force().allow_programs,
                          watch_.in_force().warm});
    // Through another proxy each warm connection is another one.
    agent_.network_changed();
    hooks_.on_config();
    const std::string text = fmt::format(
        "{} has changed, and is gone by from now on{}", watch_.file().string(),
        listens_otherwise ? "; ports that are open listen where they did until they are opened anew" : "");
    announcer_.tell({EventKind::remark, {}, {Code::internal, text, {}, {}}, false, {}, 0});
}

json SettingsMethods::uses_json() const {
    const Preferences& used = watch_.in_force();
    const auto rules = proxy_rules();
    const HttpProxy* const proxy = *rules ? (*rules)->proxy() : nullptr;
    json told = {{"config_file", watch_.file().string()},
                 {"proxy", proxy != nullptr ? json(proxy->text()) : json()},
                 {"no_proxy", *rules ? (*rules)->no_proxy() : std::string()},
                 {"unsafe_listen", used.unsafe_listen},
                 {"allow_programs", used.allow_programs},
                 {"warm", used.warm.few},
                 {"error", nullptr}};
    if (const auto& problem = watch_.problem()) {
        const Refusal refusal = settings_refusal(*problem);
        told["error"] = error_json(refusal, std::string(name(refusal.code)));
    }
    return told;
}

}  // namespace postern::client
