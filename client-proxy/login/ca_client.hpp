// The CA service's interface as the desktop uses it: login, renewal, logout, and the first contact, in which
// nothing is trusted but a fingerprint. Blocking, for a command or a dedicated thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "ca_api/fingerprint.hpp"
#include "ca_api/first_contact.hpp"
#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::client {

/// The answer to a login or a renewal.
struct LoginAnswer {
    std::vector<pki::Certificate> chain;
    std::string user;
    std::vector<std::string> groups;
    std::string trust_domain;
    std::string session_id;
    std::optional<SystemTime> session_expires;
    SystemTime renew_after;
    Catalogue catalogue;
};
/// Errors: Code::malformed_request, or the error of reading the certificates.
Result<LoginAnswer> login_answer_from_json(std::string_view text);

using ca_api::Trust;
/// Asks a server what it claims about itself; nothing of this is verified. The connection goes over this
/// machine's route, with its proxy.
Outcome<ca_api::ClaimedTrust> claimed_trust(const std::string& url);

/// One method of login that the CA offers. The program that asks the person shows its fields as a form.
struct LoginMethod {
    struct Field {
        std::string name;
        std::string label;
        /// "text", "secret" or "code".
        std::string kind;
        bool is_required = true;
    };
    std::string id;
    std::string title;
    /// "form". A program ignores methods of a kind that it does not know.
    std::string kind;
    std::vector<Field> fields;
};
/// Errors: Code::malformed_request, also for more than 16 methods or a method with more than 16 fields.
Result<std::vector<LoginMethod>> login_methods_from_json(std::string_view text);

/// A client of one CA service. All functions block; it is used by one thread at a time.
class CaClient {
public:
    /// `credentials` are the login certificate and its key; without them only login_methods(), login() and
    /// trust() are useful. Errors: Code::config_invalid for a `url` or proxy setting that is not valid.
    static Outcome<CaClient> make(std::string url, pki::TrustBundle server_ca, std::string trust_domain,
                                  std::optional<net::TlsCredentials> credentials);
    /// The first contact: asks the server for its authority and trusts that by the fingerprint `pin` of its
    /// root. Errors: Code::unknown_issuer when the server does not show that root, and those of reaching it.
    static Outcome<CaClient> make_pinned(const std::string& url, const ca_api::Fingerprint& pin);

    Outcome<std::vector<LoginMethod>> login_methods();
    /// Logs in by `method`. `fields` are pairs of a field's name and what was entered. The certificate is
    /// issued for `key`; an answer with a certificate for another key is refused, as in renew().
    Outcome<LoginAnswer> login(std::string_view method,
                               const std::vector<std::pair<std::string, Secret>>& fields,
                               const pki::PrivateKey& key);
    /// Renews the login certificate of this client, for the same key. Errors: Code::no_certificate without
    /// credentials, and the CA's refusals.
    Outcome<LoginAnswer> renew();
    /// Ends the login session at the CA, which revokes its certificates.
    Outcome<void> logout();
    Outcome<Trust> trust();

private:
    CaClient(http::Client client, std::string url, CaRoute route, std::optional<pki::PrivateKey> key)
        : client_(std::move(client)), url_(std::move(url)), route_(std::move(route)), key_(std::move(key)) {}
    Outcome<std::string> body_of(Result<http::ClientAnswer> answer) const;
    Outcome<LoginAnswer> login_answer(Result<http::ClientAnswer> answer, const pki::PrivateKey& key) const;

    http::Client client_;
    std::string url_;
    CaRoute route_;
    /// The key of the login certificate that this client presents.
    std::optional<pki::PrivateKey> key_;
};

/// Writes the CA's certificates and the profile to the folder: all of the files or none. The caller holds the
/// lock "login.lock".
Result<void> keep_trust(const ProfileFolder& folder, const Profile& profile, const Trust& trust);
/// Writes a login to the folder: all of the files, or none, so that the old login stays as it was. `trust`
/// and `key_pem` may be null when they have not changed. The caller holds the lock "login.lock".
Result<void> keep_login(const ProfileFolder& folder, const Profile& profile, const LoginAnswer& answer,
                        const Trust* trust, const Secret* key_pem = nullptr);
/// Returns the profile with the values of `answer`.
Profile updated(Profile profile, const LoginAnswer& answer);

}  // namespace postern::client
