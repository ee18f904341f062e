#include "gateway/policy/identity.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace postern::gateway {

Result<IdentityPtr> identity_of(const pki::Certificate& certificate, std::string_view trust_domain) {
    auto login = pki::login_identity(certificate);
    if (!login) {
        return login.error();
    }
    const std::string expected = pki::user_uri(trust_domain, login->name);
    const std::vector<std::string> uris = certificate.uris();
    if (std::ranges::find(uris, expected) == uris.end()) {
        return Failure{Code::malformed_certificate,
                       fmt::format("the certificate does not bear {}", expected)};
    }
    auto identity = std::make_shared<Identity>();
    identity->login = std::move(*login);
    identity->subject = certificate.subject();
    identity->issuer = certificate.issuer();
    identity->issuer_key = certificate.authority_key_id();
    return IdentityPtr(std::move(identity));
}

Result<IdentityPtr> KnownIdentities::of(const pki::Certificate& certificate, std::string_view trust_domain) {
    const auto found = known_.find(certificate.get());
    if (found != known_.end() && found->second.identity->login.trust_domain == trust_domain) {
        return found->second.identity;
    }
    auto identity = identity_of(certificate, trust_domain);
    if (identity) {
        if (known_.size() >= kMost) {
            known_.clear();
        }
        known_.insert_or_assign(certificate.get(), Known{certificate, *identity});
    }
    return identity;
}

}  // namespace postern::gateway
