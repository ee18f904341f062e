// The part of the desk that goes by config.toml as it is now, and says what it goes by.
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client-proxy/agent/desk.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"

namespace postern::client {

using nlohmann::json;

void Desk::watch_settings() {
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
        note_here({EventKind::remark, {}, refusal, true, {}, 0});
        return;
    }
    const bool listens_otherwise = (*changed)->unsafe_listen != watch_.in_force().unsafe_listen;
    watch_.take(**changed);
    use_proxy_rules(*std::move(rules));
    agent_.use(LocalRules{watch_.in_force().unsafe_listen, watch_.in_force().allow_programs,
                          watch_.in_force().warm});
    // Through another proxy each of them is another connection.
    agent_.network_changed();
    refresh_pace_.worked();
    const std::string text = fmt::format(
        "{} has changed, and is gone by from now on{}", watch_.file().string(),
        listens_otherwise ? "; ports that are open listen where they did until they are opened anew" : "");
    note_here({EventKind::remark, {}, {Code::internal, text, {}, {}}, false, {}, 0});
}

json Desk::uses_json() const {
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
