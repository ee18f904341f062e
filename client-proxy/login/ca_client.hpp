// The CA service's interface as the desktop uses it: log in, renew, log out, and the first contact, which
// believes nothing but a fingerprint. Blocking; for a command or a thread of its own.
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

/// What login and renewal answer.
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
Result<LoginAnswer> login_answer_from_json(std::string_view text);

using ca_api::Trust;
/// What a server says of itself before anything is believed of it, asked over the route of this machine.
Outcome<ca_api::ClaimedTrust> claimed_trust(const std::string& url);

/// One way in which the CA lets people log in; whoever asks the person draws a form from it.
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
    /// "form"; others are left out by who does not know them.
    std::string kind;
    std::vector<Field> fields;
};
/// At most 16 methods of 16 fields. Code::malformed_request.
Result<std::vector<LoginMethod>> login_methods_from_json(std::string_view text);

class CaClient {
public:
    static Outcome<CaClient> make(std::string url, pki::TrustBundle server_ca, std::string trust_domain,
                                  std::optional<net::TlsCredentials> credentials);
    /// First contact: learns the authority from the server itself and believes it by the pin.
    static Outcome<CaClient> make_pinned(const std::string& url, const ca_api::Fingerprint& pin);

    Outcome<std::vector<LoginMethod>> login_methods();
    /// `fields`: what was entered, by the field's name.
    /// For that key; a certificate for another one is refused, here and in renew().
    Outcome<LoginAnswer> login(std::string_view method,
                               const std::vector<std::pair<std::string, Secret>>& fields,
                               const pki::PrivateKey& key);
    /// For the key of the certificate that this client shows.
    Outcome<LoginAnswer> renew();
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
    /// Of the certificate that it shows.
    std::optional<pki::PrivateKey> key_;
};

Result<void> keep_trust(const ProfileFolder& folder, const Profile& profile, const Trust& trust);
/// Puts a login into the folder, or leaves the old one there as it was; the caller holds its lock. The key
/// and the trust only when they are new.
Result<void> keep_login(const ProfileFolder& folder, const Profile& profile, const LoginAnswer& answer,
                        const Trust* trust, const Secret* key_pem = nullptr);
/// The profile after that answer.
Profile updated(Profile profile, const LoginAnswer& answer);

}  // namespace postern::client
