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
#include "client-proxy/login/profile.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/refusal.hpp"
#include "client-proxy/tunnel/catalogue.hpp"
#include "http/client.hpp"
#include "pki/certificate.hpp"
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

struct Trust {
    std::string trust_domain;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
};
Result<Trust> trust_from_json(std::string_view text);
/// What a server says of itself before anything is believed of it: nobody's word until a fingerprint vouches
/// for it.
Outcome<Trust> claimed_trust(const std::string& url);
bool is_signed_by(const pki::Certificate& certificate, const pki::Certificate& issuer);

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

/// The pin as "sha256:<lower-case hex>"; colons between the bytes and upper case are taken too.
/// Code::malformed_request.
Result<std::string> parse_pin(std::string_view text);
/// Of what an unknown server says to be its authority, what the pin vouches for: the root that has this
/// fingerprint and the certificates below it. Code::unknown_issuer when there is no such root.
Result<pki::TrustBundle> vouched_for(const std::vector<pki::Certificate>& server_ca, std::string_view pin);

class CaClient {
public:
    static Outcome<CaClient> make(std::string url, pki::TrustBundle server_ca, std::string trust_domain,
                                  std::optional<net::TlsCredentials> credentials);
    /// First contact: learns the authority from the server itself and believes it by the pin.
    static Outcome<CaClient> make_pinned(const std::string& url, const std::string& pin);

    Outcome<std::vector<LoginMethod>> login_methods();
    /// `fields`: what was entered, by the field's name.
    Outcome<LoginAnswer> login(std::string_view method,
                               const std::vector<std::pair<std::string, Secret>>& fields,
                               std::string_view csr_pem);
    Outcome<LoginAnswer> renew(std::string_view csr_pem);
    Outcome<void> logout();
    Outcome<Trust> trust();

private:
    CaClient(http::Client client, std::string url, CaRoute route)
        : client_(std::move(client)), url_(std::move(url)), route_(std::move(route)) {}
    Outcome<std::string> body_of(Result<http::ClientAnswer> answer) const;
    Outcome<LoginAnswer> login_answer(Result<http::ClientAnswer> answer) const;

    http::Client client_;
    std::string url_;
    CaRoute route_;
};

Result<void> keep_trust(const ProfileFolder& folder, const Profile& profile, const Trust& trust);
/// Puts a login into the folder, or leaves the old one there as it was; the caller holds its lock. The key
/// and the trust only when they are new.
Result<void> keep_login(const ProfileFolder& folder, const Profile& profile, const LoginAnswer& answer,
                        const Trust* trust, const Secret* key_pem = nullptr);
/// The profile after that answer.
Profile updated(Profile profile, const LoginAnswer& answer);

}  // namespace postern::client
