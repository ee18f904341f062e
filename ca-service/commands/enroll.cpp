// postern-ca enroll: on a PostgreSQL server. Makes a key that never leaves the machine, and trades a token
// for the certificate.

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file_batch.hpp"
#include "base/secret_line.hpp"
#include "ca-service/commands/command.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
#include "pki/csr.hpp"
#include "pki/digest.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::ca::commands {

namespace {

namespace fs = std::filesystem;

struct EnrollOptions {
    std::string url;
    std::string pin;
    std::string token;
    fs::path token_file;
    fs::path out_certificate;
    fs::path out_key;
    fs::path out_user_ca;
    fs::path out_server_ca;
    std::string owner;
    bool is_json = false;
};

/// What first contact learns, believed because of the pin.
struct Trust {
    pki::TrustBundle server_ca;
    std::string trust_domain;
};

Ending told(std::string_view what, const http::ClientAnswer& answer) {
    Ending ending;
    ending.exit = answer.status == 401 || answer.status == 403 ? Exit::denied : Exit::failed;
    ending.error = answer.problem
                       ? fmt::format("{}: {}", what, answer.problem->title)
                       : fmt::format("{}: the CA answered with HTTP status {}", what, answer.status);
    ending.hint = answer.problem ? answer.problem->hint : "is this the address of a Postern CA?";
    return ending;
}

Ending unreachable(const std::string& url, const Failure& failure) {
    switch (failure.code) {
        case Code::unreachable:
        case Code::timed_out:
            return {Exit::unreachable, fmt::format("cannot reach {}: {}", url, failure.detail),
                    "is the CA service running, and does a firewall let this machine through?"};
        case Code::malformed_request:
        case Code::config_invalid:
            return {Exit::usage, fmt::format("'{}' is no address of a CA: {}", url, failure.detail),
                    "--ca takes https://HOST:PORT"};
        default:
            return {Exit::denied, fmt::format("{} is not the CA that was named: {}", url, failure.detail),
                    "the host name in --ca must be one of the names in the CA's ca.toml"};
    }
}

/// Reads a text member of a JSON answer.
std::optional<std::string> text_of(const nlohmann::json& object, const char* member) {
    const auto found = object.is_object() ? object.find(member) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_string()) {
        return std::nullopt;
    }
    return found->get<std::string>();
}

/// The pinned first contact: whatever answers, only a server CA whose root has the fingerprint is believed.
Outcome<Trust> fetch_trust(const EnrollOptions& options) {
    http::ClientOptions unverified;
    unverified.url = options.url;
    auto client = http::Client::make(std::move(unverified));
    if (!client) {
        return unreachable(options.url, client.error());
    }
    const auto answer = client->get("/v1/trust");
    if (!answer) {
        return unreachable(options.url, answer.error());
    }
    if (answer->status != 200) {
        return told("cannot read the CA's certificates", *answer);
    }
    const auto body = nlohmann::json::parse(answer->body, nullptr, false);
    const auto server_ca = text_of(body, "server_ca");
    const auto trust_domain = text_of(body, "trust_domain");
    auto certificates = server_ca
                            ? pki::certificates_from_pem(*server_ca)
                            : Result<std::vector<pki::Certificate>>(Failure{Code::malformed_request, ""});
    if (!certificates || !trust_domain) {
        return Ending{Exit::failed, fmt::format("{} does not speak as a Postern CA does", options.url),
                      "check --ca: scheme, host and port"};
    }
    for (const pki::Certificate& certificate : *certificates) {
        if (pki::equal_constant_time("sha256:" + certificate.fingerprint(), options.pin)) {
            // Only the pinned root: another one in the bundle proves nothing.
            auto pinned = pki::TrustBundle::from_pem(certificate.pem());
            if (!pinned) {
                return ending_of("the CA's certificate", pinned.error());
            }
            return Trust{std::move(*pinned), *trust_domain};
        }
    }
    return Ending{Exit::denied, fmt::format("{} does not have the fingerprint that was given", options.url),
                  "compare --fingerprint with what postern-ca fingerprint prints on the CA machine; if they "
                  "are the same, "
                  "somebody is in between"};
}

struct Enrolled {
    std::string certificate;
    std::string user_ca;
    std::string server_ca;
};

Outcome<Enrolled> redeem(const EnrollOptions& options, const Trust& trust, const Secret& token,
                         const std::string& csr) {
    http::ClientOptions verified;
    verified.url = options.url;
    verified.server_ca = trust.server_ca;
    verified.trust_domain = trust.trust_domain;
    auto client = http::Client::make(std::move(verified));
    if (!client) {
        return unreachable(options.url, client.error());
    }
    const nlohmann::json request{{"token", std::string(token.reveal())}, {"csr", csr}};
    const auto answer = client->post_json("/v1/enroll", request.dump());
    if (!answer) {
        return unreachable(options.url, answer.error());
    }
    if (answer->status != 200) {
        return told("the CA refused", *answer);
    }
    const auto body = nlohmann::json::parse(answer->body, nullptr, false);
    const auto certificate = text_of(body, "certificate");
    const auto user_ca = text_of(body, "user_ca");
    const auto server_ca = text_of(body, "server_ca");
    if (!certificate || !user_ca || !server_ca) {
        return Ending{Exit::failed, "the CA's answer lacks a certificate",
                      "are both sides of the same version?"};
    }
    return Enrolled{*certificate, *user_ca, *server_ca};
}

Outcome<std::optional<FileBatch::Owner>> find_owner(const EnrollOptions& options) {
    if (options.owner.empty()) {
        return std::optional<FileBatch::Owner>();
    }
    const passwd* account = ::getpwnam(options.owner.c_str());
    if (account == nullptr) {
        return Ending{Exit::usage, fmt::format("there is no account '{}' on this machine", options.owner),
                      "--owner takes the account that PostgreSQL runs as, usually postgres"};
    }
    return std::optional<FileBatch::Owner>(FileBatch::Owner{account->pw_uid, account->pw_gid});
}

/// Fails before the token is used up when the files could not be written.
Outcome<void> check_files(const EnrollOptions& options) {
    for (const fs::path& file :
         {options.out_certificate, options.out_key, options.out_user_ca, options.out_server_ca}) {
        if (file.empty()) {
            continue;
        }
        if (const auto good = FileBatch::check(file); !good) {
            return Ending{
                Exit::failed, good.error().detail,
                "nothing was done and the token is still good; make the folder, or name another file"};
        }
    }
    return {};
}

Ending not_written(const Failure& failure) {
    Ending ending = ending_of("cannot keep what the CA gave", failure);
    ending.hint = "the token is used up: make room (or run this as root for --owner), and make another one";
    return ending;
}

/// What was said on the command line counts before the environment, which may hold another one's.
Result<Secret> read_token(const EnrollOptions& options) {
    if (!options.token.empty()) {
        return secret_of(Secret(std::string_view(options.token)), SecretKind::token, "--token");
    }
    const char* const given = std::getenv("POSTERN_TOKEN");
    if (options.token_file.empty() && given != nullptr) {
        return secret_of(Secret(std::string_view(given)), SecretKind::token, "POSTERN_TOKEN");
    }
    return read_secret(options.token_file, "Token: ", SecretKind::token);
}

Outcome<void> enroll(const EnrollOptions& options) {
    const auto owner = find_owner(options);
    if (!owner) {
        return owner.error();
    }
    if (auto checked = check_files(options); !checked) {
        return checked;
    }
    const auto token = read_token(options);
    if (!token) {
        return Ending{
            Exit::usage, fmt::format("there is no token: {}", token.error().detail),
            "postern-ca token create, on the CA machine, prints one; pipe it in, or name its file with "
            "--token-file"};
    }
    const auto trust = fetch_trust(options);
    if (!trust) {
        return trust.error();
    }
    const auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return ending_of("cannot make a key", key.error());
    }
    const auto csr = pki::make_csr_pem(*key, "postern");
    if (!csr) {
        return ending_of("cannot make a request", csr.error());
    }
    const auto enrolled = redeem(options, *trust, *token, *csr);
    if (!enrolled) {
        return enrolled.error();
    }
    const auto chain = pki::certificates_from_pem(enrolled->certificate);
    const auto key_pem = key->to_pem();
    if (!chain || !key_pem) {
        return Ending{Exit::failed, "the CA's answer holds no certificate",
                      "are both sides of the same version?"};
    }
    struct File {
        fs::path path;
        std::string_view content;
        mode_t mode;
    };
    FileBatch batch;
    for (const File& file : {File{options.out_key, key_pem->reveal(), 0600},
                             File{options.out_certificate, enrolled->certificate, 0644},
                             File{options.out_user_ca, enrolled->user_ca, 0644},
                             File{options.out_server_ca, enrolled->server_ca, 0644}}) {
        if (file.path.empty()) {
            continue;
        }
        if (auto added = batch.add(file.path, file.content, file.mode, *owner); !added) {
            return not_written(added.error());
        }
    }
    if (auto put = batch.put(); !put) {
        return not_written(put.error());
    }
    const pki::Certificate& leaf = chain->front();
    const std::string identity = leaf.uris().empty() ? leaf.subject() : leaf.uris().front();
    if (options.is_json) {
        const nlohmann::json told_json{{"identity", identity},
                                       {"serial", leaf.serial()},
                                       {"names", leaf.dns_names()},
                                       {"not_after", format_time(leaf.not_after())}};
        fmt::print("{}\n", told_json.dump());
        return {};
    }
    fmt::print("Enrolled as {}, valid until {}.\n  certificate  {}\n  key          {}\n", identity,
               format_time(leaf.not_after()).substr(0, 19) + "Z", options.out_certificate.string(),
               options.out_key.string());
    if (!options.out_user_ca.empty()) {
        fmt::print("  user CA      {}\n", options.out_user_ca.string());
    }
    if (!options.out_server_ca.empty()) {
        fmt::print("  server CA    {}\n", options.out_server_ca.string());
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
    command
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
    command->callback([&line, options] {
        line.has_folder = false;
        line.run = [options] { return enroll(*options); };
    });
}

}  // namespace postern::ca::commands
