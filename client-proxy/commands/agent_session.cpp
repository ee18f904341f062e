#include "client-proxy/commands/agent_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/secret_line.hpp"
#include "base/shown_text.hpp"
#include "ca_api/fingerprint.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "http/https_url.hpp"

namespace postern::client {

namespace {

using control::text_in;
using nlohmann::json;

/// How often a password may be entered before the command ends.
constexpr int kMostAttempts = 3;

Refusal usage(std::string message, std::string hint) {
    return {Code::config_invalid, std::move(message), std::move(hint), {}};
}

/// The file that holds the password; empty when there is none.
std::filesystem::path password_file(const LoginOptions& options) {
    if (!options.password_file.empty()) {
        return options.password_file;
    }
    if (const char* const folder = std::getenv("CREDENTIALS_DIRECTORY")) {
        std::filesystem::path file = std::filesystem::path(folder) / "postern-password";
        std::error_code ignored;
        if (std::filesystem::exists(file, ignored)) {
            return file;
        }
    }
    return {};
}

Result<Secret> password_from(const std::filesystem::path& file) {
    if (auto checked = check_private(file); !checked) {
        return checked.error();
    }
    return read_secret_file(file, SecretKind::password);
}

/// Waits for the person's input; meanwhile the agent's notifications are received, and signals can end the
/// wait.
WaitForInput input_beside(control::AgentClient& agent) {
    return [&agent](int fd) { return agent.wait_for_input(fd); };
}

Outcome<std::string> ask_text(const WaitForInput& wait, const LoginOptions& options, const std::string& label,
                              std::string_view field, const std::string& fallback) {
    if (field == "username" && !options.user.empty()) {
        return options.user;
    }
    if (options.is_non_interactive) {
        if (!fallback.empty()) {
            return fallback;
        }
        return usage(fmt::format("the login needs: {}", label), "Name the user: --user NAME");
    }
    auto answer = ask(label, fallback, wait);
    if (!answer) {
        if (answer.error().code == Code::config_invalid && !fallback.empty()) {
            return fallback;
        }
        return Refusal{
            answer.error().code, answer.error().detail, "Name the user: postern login --user NAME", {}};
    }
    return *std::move(answer);
}

Outcome<Secret> ask_secret(const WaitForInput& wait, const LoginOptions& options, const std::string& label,
                           bool is_password) {
    const auto file = password_file(options);
    Result<Secret> secret = Failure{Code::config_invalid, fmt::format("the login needs: {}", label)};
    if (is_password && options.takes_password_from_stdin) {
        secret = read_secret_input(SecretKind::password, wait);
    } else if (is_password && !file.empty()) {
        secret = password_from(file);
    } else if (!options.is_non_interactive) {
        secret = ask_secret_line(shown(label) + ": ", wait);
        // An empty answer is returned as it is, and the caller asks again.
        if (secret && !secret->is_empty()) {
            secret = secret_of(*secret, SecretKind::password, "what was typed");
        }
    }
    if (!secret) {
        return Refusal{secret.error().code,
                       secret.error().detail,
                       "Where there is no terminal: postern login --password-stdin, or --password-file FILE",
                       {}};
    }
    return *std::move(secret);
}

/// Collects the values of a login method's fields, from the person or from the options.
Outcome<void> fill_fields(control::AgentClient& agent, const LoginOptions& options, const json& method,
                          const std::string& likely_user, json& fields) {
    const WaitForInput wait = input_beside(agent);
    fields = json::object();
    std::string user;
    for (const auto& field : method["fields"]) {
        const std::string name = text_in(field, "name");
        const std::string label = text_in(field, "label");
        if (text_in(field, "kind") != "secret") {
            auto text = ask_text(wait, options, label, name, name == "username" ? likely_user : "");
            if (!text) {
                return text.error();
            }
            user = name == "username" ? *text : user;
            fields[name] = *text;
            continue;
        }
        // The question says that this is not the database password, for which psql asks a moment later in
        // nearly the same words.
        const bool is_password = name == "password";
        const std::string question =
            is_password && !user.empty() ? fmt::format("Password of {} for Postern, not the database's", user) : label;
        auto secret = ask_secret(wait, options, question, is_password);
        for (int attempt = 1; secret && secret->is_empty() && attempt < kMostAttempts && can_ask(options); ++attempt) {
            secret = ask_secret(wait, options, question, is_password);
        }
        if (!secret) {
            return secret.error();
        }
        if (secret->is_empty()) {
            return usage(fmt::format("nothing was entered for: {}", label), "Nothing was sent. Run it again.");
        }
        fields[name] = secret->reveal();
    }
    return {};
}

/// The CA's address in the form in which it is compared and stored. The person may leave out the scheme.
Result<std::string> ca_address(const std::string& typed) {
    const auto url = http::HttpsUrl::parse(typed.find("://") == typed.npos ? "https://" + typed : typed);
    return url ? Result<std::string>(url->text()) : url.error();
}

/// Shows the fingerprint at the first contact, and lets the person compare it, as ssh does for a new host.
/// Only the whole word "yes", or the fingerprint itself, confirms it.
Outcome<std::string> ask_fingerprint(control::AgentClient& agent, const std::string& url) {
    const auto root = agent.call("trust.inspect", {{"ca", url}});
    if (!root) {
        return root.error();
    }
    const std::string shown = text_in(*root, "fingerprint");
    const auto told = tell_on_terminal(
        fmt::format("This is the first contact with the CA service {}.\n"
                    "Its fingerprint is\n\n    {}\n\n"
                    "Compare it with the one that its administrator gave you (postern-ca fingerprint).\n",
                    postern::shown(url), postern::shown(shown)));
    auto answer =
        ask("Is it the same? yes, or the fingerprint that you were given", "no", input_beside(agent));
    if (!answer && answer.error().code == Code::cancelled) {
        return Refusal{Code::cancelled, answer.error().detail, {}, {}};
    }
    if (!told || !answer) {
        return Refusal{Code::config_invalid, "the fingerprint was not compared", {}, {}};
    }
    if (*answer == "yes") {
        return shown;
    }
    const auto given = ca_api::Fingerprint::parse(*answer);
    if (given && given->text() == shown) {
        return shown;
    }
    return Refusal{
        Code::unknown_issuer,
        given ? fmt::format("the CA service {} has another fingerprint than the one you were given", url)
              : "the fingerprint was not confirmed; nothing was sent",
        "Ask the administrator for it. If it differs, somebody may be in between.",
        {}};
}

/// Determines the CA to trust, from the options, the preferences, the CA that is trusted already, or the
/// person, and makes the agent trust it. `is_wrong_use` is set when the command was used wrongly.
Outcome<void> settle_trust(control::AgentClient& agent, const LoginOptions& options, const json& trust,
                           bool& is_wrong_use) {
    const auto preferences = Preferences::load();
    if (!preferences) {
        return settings_refusal(preferences.error());
    }
    std::string url = options.ca;
    std::string fingerprint = options.fingerprint;
    if (url.empty() && !preferences->ca_url.empty()) {
        url = preferences->ca_url;
        fingerprint = fingerprint.empty() ? preferences->fingerprint : fingerprint;
    }
    if (url.empty()) {
        url = text_in(trust, "ca");
    }
    is_wrong_use = true;
    if (url.empty() && can_ask(options)) {
        auto answer = ask("Address of the CA service, for example https://ca.example.org:7444", "",
                          input_beside(agent));
        if (!answer && answer.error().code == Code::cancelled) {
            is_wrong_use = false;
            return Refusal{Code::cancelled, answer.error().detail, {}, {}};
        }
        url = answer ? *answer : "";
    }
    if (url.empty()) {
        return usage("which CA service?",
                     "Name it, as its administrator told you: --ca https://ca.example.org:7444 --fingerprint "
                     "sha256:HEX");
    }
    const auto address = ca_address(url);
    if (!address) {
        return usage(address.error().detail, "The CA's administrator knows its address.");
    }
    url = *address;
    std::string pin = url == text_in(trust, "ca") ? text_in(trust, "fingerprint") : std::string();
    if (!fingerprint.empty()) {
        const auto parsed = ca_api::Fingerprint::parse(fingerprint);
        if (!parsed) {
            return usage(parsed.error().detail, "The CA's administrator has it from: postern-ca fingerprint");
        }
        pin = parsed->text();
    }
    if (pin.empty() && can_ask(options)) {
        auto compared = ask_fingerprint(agent, url);
        is_wrong_use = !compared && compared.error().code == Code::config_invalid;
        if (!compared) {
            return compared.error();
        }
        pin = *std::move(compared);
    }
    if (pin.empty()) {
        return usage(fmt::format("the CA service {} is not known yet", url),
                     "Add its fingerprint, which the administrator has from `postern-ca fingerprint`: "
                     "--fingerprint sha256:HEX");
    }
    is_wrong_use = false;
    auto accepted = agent.call("trust.accept", {{"ca", url}, {"fingerprint", pin}});
    if (!accepted) {
        return accepted.error();
    }
    return {};
}

std::string likely_user(const json& trust) {
    const auto preferences = Preferences::load();
    if (preferences && !preferences->user.empty()) {
        return preferences->user;
    }
    if (std::string last = text_in(trust, "user"); !last.empty()) {
        return last;
    }
    const char* const environment = std::getenv("USER");
    return environment != nullptr ? environment : "";
}

}  // namespace

bool can_ask(const LoginOptions& options) {
    return !options.is_non_interactive && ::isatty(STDIN_FILENO) == 1;
}

Outcome<json> log_in_at(control::AgentClient& agent, const LoginOptions& options, bool* is_usage) {
    bool unused = false;
    bool& is_wrong_use = is_usage != nullptr ? *is_usage : unused;
    auto state = agent.call("state");
    if (!state) {
        return state.error();
    }
    const json trust = (*state)["trust"];
    if (auto settled = settle_trust(agent, options, trust, is_wrong_use); !settled) {
        return settled.error();
    }
    const auto methods = agent.call("login.methods");
    if (!methods) {
        return methods.error();
    }
    const auto& list = (*methods)["methods"];
    const auto method = std::find_if(list.begin(), list.end(),
                                     [](const json& one) { return text_in(one, "kind") == "form"; });
    if (method == list.end()) {
        return Refusal{Code::unavailable,
                       "the CA service offers no way to log in that this version knows",
                       "Install a newer postern.",
                       {}};
    }
    LoginOptions asked = options;
    const bool may_ask_again =
        can_ask(options) && !options.takes_password_from_stdin && !has_password_file(options);
    for (int attempt = 1;; ++attempt) {
        json fields;
        if (auto filled = fill_fields(agent, asked, *method, likely_user(trust), fields); !filled) {
            is_wrong_use = filled.error().code == Code::config_invalid;
            return filled.error();
        }
        // The user name stays; only the secrets are asked for again.
        asked.user = text_in(fields, "username");
        auto login = agent.call("login", {{"method", text_in(*method, "id")}, {"fields", fields}});
        for (auto& field : fields) {
            auto& text = field.get_ref<std::string&>();
            explicit_bzero(text.data(), text.size());
        }
        const bool is_mistyped = !login && login.error().code == Code::unauthenticated;
        if (!is_mistyped || !may_ask_again || attempt == kMostAttempts ||
            !tell_on_terminal(fmt::format("{}. Again, please ({} of {}):\n", shown(login.error().message), attempt + 1,
                                          kMostAttempts))) {
            return login;
        }
    }
}

Outcome<void> ensure_login(control::AgentClient& agent, const LoginOptions& options) {
    const auto state = agent.call("state");
    if (!state) {
        return state.error();
    }
    const json& login = (*state)["login"];
    const std::string standing = text_in(login, "state");
    // The person may have asked for another login than the current one.
    const auto wanted = ca_address(options.ca);
    if (!options.ca.empty() && !wanted) {
        return usage(wanted.error().detail, "The CA's administrator knows its address.");
    }
    const bool is_another =
        (!options.ca.empty() && *wanted != text_in((*state)["trust"], "ca")) ||
        (!options.user.empty() && login.is_object() && options.user != text_in(login, "user"));
    if (login.is_object() && standing != "expired" && standing != "revoked" && !is_another) {
        return {};
    }
    const bool has_password = options.takes_password_from_stdin || has_password_file(options);
    if (!can_ask(options) && !has_password) {
        if (login.is_object() && !is_another) {
            // The port opens anyway, and tells each client what is wrong.
            return {};
        }
        return Refusal{
            Code::unauthenticated,
            options.user.empty() ? "nobody is logged in" : fmt::format("{} is not logged in", options.user),
            "Run: postern login. Without a terminal: --password-file FILE, or the systemd credential "
            "postern-password",
            {}};
    }
    auto done = log_in_at(agent, options);
    if (!done) {
        return done.error();
    }
    return {};
}

bool has_password_file(const LoginOptions& options) {
    return !password_file(options).empty();
}

json connect_parameters(const std::string& service, const LoginChoice& files) {
    json parameters = {{"service", service}};
    if (files.has_files()) {
        const auto absolute = [](const std::string& path) {
            std::error_code ignored;
            return path.empty() ? path : std::filesystem::absolute(path, ignored).string();
        };
        parameters["credentials"] = {{"certificate_file", absolute(files.certificate)},
                                     {"key_file", absolute(files.key)},
                                     {"server_ca_file", absolute(files.server_ca)},
                                     {"trust_domain", files.trust_domain},
                                     {"gateways", files.gateways}};
    }
    return parameters;
}

}  // namespace postern::client
