// The command postern-ca enroll, which runs on a PostgreSQL server: makes a key that never leaves the
// machine, and trades a token for the certificate.

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file_batch.hpp"
#include "base/printed.hpp"
#include "ca-service/commands/command.hpp"
#include "ca_api/enrolment.hpp"
#include "ca_api/fingerprint.hpp"
#include "ca_api/first_contact.hpp"
#include "http/client.hpp"
#include "http/https_url.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"

namespace postern::ca::commands {

namespace {

namespace fs = std::filesystem;

struct EnrollOptions {
    std::string url;
    std::string pin;
    std::string token;
    /// True for an empty token, too.
    bool is_token_given = false;
    fs::path token_file;
    fs::path out_certificate;
    fs::path out_key;
    fs::path out_user_ca;
    fs::path out_server_ca;
    std::string owner;
    bool is_json = false;
};

/// Returns why the CA could not be asked: the network, the address, or somebody else who answers.
CommandError not_reached(const std::string& url, const Failure& failure) {
    switch (failure.code) {
        case Code::out_of_resources:
            return {Exit::failed, failure.detail, "close programs, or raise the limit: ulimit -n"};
        case Code::unreachable:
        case Code::timed_out:
        case Code::unavailable:
        case Code::tls_failed:
        case Code::tls_version:
        case Code::not_tls:
        case Code::end_of_stream:
            return {Exit::unreachable, fmt::format("cannot reach {}: {}", url, failure.detail),
                    "is the CA service running, and does a firewall let this machine through?"};
        case Code::malformed_request:
        case Code::request_too_large:
            return {Exit::usage, fmt::format("{} is no CA service: {}", url, failure.detail),
                    "the CA's administrator knows its address"};
        case Code::wrong_server_identity:
            return {Exit::denied, fmt::format("{} is not the CA that was named: {}", url, failure.detail),
                    "the host name in --ca must be one of the names in the CA's ca.toml"};
        case Code::expired:
        case Code::not_yet_valid:
            return {Exit::denied, fmt::format("{} cannot be believed: {}", url, failure.detail),
                    "check this machine's clock, then that of the CA machine"};
        default:
            return {
                Exit::denied, fmt::format("{} is not the CA with that fingerprint: {}", url, failure.detail),
                "compare --fingerprint with what postern-ca fingerprint prints on the CA machine; if they "
                "are the same, somebody is in between"};
    }
}

/// Returns why the CA did not enrol the server. The CA's own refusal holds its words and what to do next; all
/// else is about the way to it.
CommandError not_enrolled(const std::string& url, const Failure& failure) {
    switch (failure.code) {
        case Code::unauthenticated:
        case Code::policy_denied:
            return {Exit::denied, fmt::format("the CA refused: {}", failure.detail), {}};
        case Code::unreachable:
        case Code::timed_out:
        case Code::tls_failed:
        case Code::not_tls:
        case Code::end_of_stream:
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::wrong_server_identity:
        case Code::expired:
        case Code::not_yet_valid:
            return not_reached(url, failure);
        default:
            return {Exit::failed, fmt::format("the CA refused: {}", failure.detail), {}};
    }
}

CommandResult<ca_api::Enrolled> redeem(const EnrollOptions& options, const ca_api::Fingerprint& pin,
                                       const Secret& token, const pki::PrivateKey& key) {
    http::ClientOptions stranger;
    stranger.url = options.url;
    const auto claimed = ca_api::ask_for_trust(stranger);
    if (!claimed) {
        return not_reached(options.url, claimed.error());
    }
    auto pinned = ca_api::pinned(stranger, *claimed, pin, system_clock()());
    auto client = pinned ? http::Client::make(*std::move(pinned)) : Result<http::Client>(pinned.error());
    if (!client) {
        return not_reached(options.url, client.error());
    }
    auto enrolled = ca_api::enroll(*client, token, key);
    if (!enrolled) {
        return not_enrolled(options.url, enrolled.error());
    }
    return *std::move(enrolled);
}

CommandResult<std::optional<FileBatch::Owner>> find_owner(const EnrollOptions& options) {
    if (options.owner.empty()) {
        return std::optional<FileBatch::Owner>();
    }
    const passwd* account = ::getpwnam(options.owner.c_str());
    if (account == nullptr) {
        return CommandError{Exit::usage,
                            fmt::format("there is no account '{}' on this machine", options.owner),
                            "--owner takes the account that PostgreSQL runs as, usually postgres"};
    }
    return std::optional<FileBatch::Owner>(FileBatch::Owner{account->pw_uid, account->pw_gid});
}

/// Fails when the files could not be written, before the token is used up.
CommandResult<void> check_files(const EnrollOptions& options) {
    for (const fs::path& file :
         {options.out_certificate, options.out_key, options.out_user_ca, options.out_server_ca}) {
        if (file.empty()) {
            continue;
        }
        if (const auto good = FileBatch::check(file); !good) {
            return CommandError{
                Exit::failed, good.error().detail,
                "nothing was done and the token is still good; make the folder, or name another file"};
        }
    }
    return {};
}

CommandError not_written(const Failure& failure) {
    CommandError error = command_error("cannot keep what the CA gave", failure);
    error.hint = "the token is used up: make room (or run this as root for --owner), and make another one";
    return error;
}

CommandResult<void> enroll(const EnrollOptions& options) {
    if (const auto url = http::HttpsUrl::parse(options.url); !url) {
        return CommandError{Exit::usage, fmt::format("--ca: {}", url.error().detail),
                            "the CA's administrator knows its address"};
    }
    const auto pin = ca_api::Fingerprint::parse(options.pin);
    if (!pin) {
        return CommandError{Exit::usage, fmt::format("--fingerprint: {}", pin.error().detail),
                            "postern-ca fingerprint, on the CA machine, prints it"};
    }
    const auto owner = find_owner(options);
    if (!owner) {
        return owner.error();
    }
    if (auto checked = check_files(options); !checked) {
        return checked;
    }
    const auto given = options.is_token_given ? std::optional(options.token) : std::nullopt;
    const auto token = ca_api::read_token(given, options.token_file);
    if (!token) {
        return CommandError{Exit::usage, fmt::format("there is no token: {}", token.error().detail),
                            ca_api::kTokenHint};
    }
    const auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return command_error("cannot make a key", key.error());
    }
    const auto key_pem = key->to_pem();
    if (!key_pem) {
        return command_error("cannot write a key", key_pem.error());
    }
    const auto enrolled = redeem(options, *pin, *token, *key);
    if (!enrolled) {
        return enrolled.error();
    }
    struct File {
        fs::path path;
        std::string content;
    };
    FileBatch batch;
    if (auto added = batch.add(options.out_key, key_pem->reveal(), 0600, *owner); !added) {
        return not_written(added.error());
    }
    for (const File& file : {File{options.out_certificate, pki::to_pem(enrolled->chain)},
                             File{options.out_user_ca, enrolled->user_ca.pem()},
                             File{options.out_server_ca, enrolled->server_ca.pem()}}) {
        if (file.path.empty()) {
            continue;
        }
        if (auto added = batch.add(file.path, file.content, 0644, *owner); !added) {
            return not_written(added.error());
        }
    }
    if (auto put = batch.put(); !put) {
        return not_written(put.error());
    }
    const pki::Certificate& leaf = enrolled->chain.front();
    const std::string identity =
        leaf.uris().empty() ? leaf.subject() : fmt::format("{}", fmt::join(leaf.uris(), ", "));
    if (options.is_json) {
        const nlohmann::json told_json{{"identity", identity},
                                       {"serial", leaf.serial()},
                                       {"names", leaf.dns_names()},
                                       {"not_after", format_time(leaf.not_after())}};
        say_json(told_json);
        return {};
    }
    say("Enrolled as {}, valid until {}.\n  certificate  {}\n  key          {}\n", identity,
        format_time(leaf.not_after()).substr(0, 19) + "Z", options.out_certificate.string(),
        options.out_key.string());
    if (!options.out_user_ca.empty()) {
        say("  user CA      {}\n", options.out_user_ca.string());
    }
    if (!options.out_server_ca.empty()) {
        say("  server CA    {}\n", options.out_server_ca.string());
    }
    return {};
}

}  // namespace

void add_enroll(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(
        app, "enroll",
        "On a PostgreSQL server: make a key here and trade a one-time token for its certificate.\n"
        "Needs no CA folder on this machine");
    auto options = std::make_shared<EnrollOptions>();
    command->add_option("--ca", options->url, "The CA service, https://HOST:PORT")
        ->required()
        ->type_name("URL");
    command->add_option("--fingerprint", options->pin, "What postern-ca fingerprint prints: sha256:…")
        ->required()
        ->type_name("PIN");
    auto* token_file = command
                           ->add_option("--token-file", options->token_file,
                                        "The file that holds what postern-ca token create printed; default: "
                                        "POSTERN_TOKEN in the environment, then standard input")
                           ->type_name("FILE");
    auto* token = command
                      ->add_option("--token", options->token,
                                   "The token itself; other users of this machine can see it in the process list "
                                   "(POSTERN_TOKEN they cannot)")
                      ->type_name("TOKEN")
                      ->excludes(token_file);
    command->add_option("--out-cert", options->out_certificate, "Where the certificate goes (ssl_cert_file)")
        ->required()
        ->type_name("FILE");
    command->add_option("--out-key", options->out_key, "Where the key goes, mode 0600 (ssl_key_file)")
        ->required()
        ->type_name("FILE");
    command->add_option("--out-user-ca", options->out_user_ca, "Where the user CA goes (ssl_ca_file)")
        ->type_name("FILE");
    command->add_option("--out-server-ca", options->out_server_ca, "Where the server CA goes")
        ->type_name("FILE");
    command->add_option("--owner", options->owner, "The account that gets the files, usually postgres")
        ->type_name("ACCOUNT");
    command->add_flag("--json", options->is_json, "Print JSON");
    command->callback([&line, options, token] {
        line.has_folder = false;
        options->is_token_given = token->count() > 0;
        line.run = [options] { return enroll(*options); };
    });
}

}  // namespace postern::ca::commands
