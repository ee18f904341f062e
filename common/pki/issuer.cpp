#include "pki/issuer.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "pki/asn1.hpp"
#include "pki/certificate_builder.hpp"
#include "pki/identity.hpp"

namespace postern::pki {

namespace {

constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;
constexpr std::chrono::seconds kClockSkew{60};
constexpr std::size_t kMaximumUrlBytes = 2048;

Failure malformed(std::string_view what) {
    return Failure{Code::malformed_request, std::string(what)};
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

/// Whether the text is an IP address, or a host name of letters, digits, dashes, underscores and dots.
/// Wildcards are refused.
bool is_host_or_address(const std::string& text) {
    in6_addr address{};
    if (text.find(':') != std::string::npos) {
        return inet_pton(AF_INET6, text.c_str(), &address) == 1;
    }
    return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
           text.find("..") == std::string::npos && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
           });
}

/// The end of a new certificate: not after that of its issuer, because nobody would accept it then.
Result<SystemTime> last_moment(SystemTime not_before, SystemTime not_after, const Certificate& issuer) {
    const SystemTime last = std::min(not_after, issuer.not_after());
    if (not_after <= not_before) {
        return malformed("a certificate must end after it begins");
    }
    if (last <= not_before) {
        return Failure{Code::config_invalid, "the issuing certificate " + issuer.subject() + " expired on " +
                                                 format_time(issuer.not_after())};
    }
    return last;
}

/// Makes a root if `parent` is null, and an intermediate below `parent` otherwise.
Result<KeyAndCertificate> make_authority(const KeyAndCertificate* parent, const AuthorityProfile& profile,
                                         SystemTime now) {
    Result<PrivateKey> key = PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    const SystemTime not_before = now - kClockSkew;
    SystemTime not_after = now + profile.lifetime;
    if (not_after <= not_before) {
        return malformed("an authority must live for some time");
    }
    if (parent != nullptr) {
        const Result<SystemTime> last = last_moment(not_before, not_after, parent->certificate);
        if (!last) {
            return last.error();
        }
        not_after = *last;
    }
    CertificateBuilder builder;
    if (!profile.organization.empty()) {
        builder.subject(NID_organizationName, profile.organization);
    }
    builder.subject(NID_commonName, profile.common_name)
        .validity(not_before, not_after)
        .public_key(key->get())
        .basic_constraints(true, parent != nullptr ? std::optional<int>(0) : std::nullopt)
        .key_usage({kKeyCertSign, kCrlSign})
        .subject_key_identifier();
    if (parent != nullptr) {
        builder.issued_by(parent->certificate);
    }
    Result<Certificate> certificate = builder.sign(parent != nullptr ? parent->key : *key);
    if (!certificate) {
        return certificate.error();
    }
    return KeyAndCertificate{std::move(*key), std::move(*certificate)};
}

}  // namespace

Result<KeyAndCertificate> make_root(const AuthorityProfile& profile, SystemTime now) {
    return make_authority(nullptr, profile, now);
}

Result<KeyAndCertificate> make_intermediate(const KeyAndCertificate& root, const AuthorityProfile& profile,
                                            SystemTime now) {
    return make_authority(&root, profile, now);
}

Result<Issuer> Issuer::make(PrivateKey key, std::vector<Certificate> chain) {
    const auto refuse = [](std::string_view why) { return Failure{Code::config_invalid, std::string(why)}; };
    if (chain.empty()) {
        return refuse("an issuer needs its certificate");
    }
    const ErrorQueueScope errors;
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
        return openssl_failure(Code::config_invalid,
                               "the key does not fit the certificate " + chain.front().subject());
    }
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const Certificate& current = chain[i];
        const Certificate& parent = chain[std::min(i + 1, chain.size() - 1)];
        if (!current.is_ca() || (X509_get_key_usage(current.get()) & KU_KEY_CERT_SIGN) == 0) {
            return refuse(current.subject() + " is not a certificate of a CA");
        }
        const bool is_issued = X509_check_issued(parent.get(), current.get()) == X509_V_OK &&
                               X509_verify(current.get(), X509_get0_pubkey(parent.get())) == 1;
        if (!is_issued) {
            return refuse(i + 1 < chain.size() ? current.subject() + " was not issued by " + parent.subject()
                                               : "the chain does not end with a root: " + current.subject());
        }
    }
    return Issuer(std::move(key), std::move(chain));
}

Result<Certificate> Issuer::issue_login(const PublicKey& subject, const LoginProfile& profile) const {
    if (!is_login_name(profile.name)) {
        return malformed("not a login name");
    }
    if (!is_trust_domain(profile.trust_domain)) {
        return malformed("not a trust domain");
    }
    if (!is_session_id(profile.session_id)) {
        return malformed("not a session id");
    }
    if (profile.groups.size() > kMostGroups) {
        return malformed("more than 256 groups");
    }
    if (!std::all_of(profile.groups.begin(), profile.groups.end(), is_resource_name)) {
        return malformed("a group's name must be 1 to 63 letters, digits and ._-");
    }
    if (profile.crl_url.size() > kMaximumUrlBytes || !is_printable(profile.crl_url)) {
        return malformed("not a CRL URL");
    }
    const Certificate& issuer = chain_.front();
    const Result<SystemTime> not_after = last_moment(profile.not_before, profile.not_after, issuer);
    if (!not_after) {
        return not_after.error();
    }
    CertificateBuilder builder;
    for (const std::string& group : profile.groups) {
        builder.subject(NID_organizationName, group);
    }
    builder.subject(NID_commonName, profile.name)
        .validity(profile.not_before, *not_after)
        .public_key(subject.get())
        .issued_by(issuer)
        .subject_key_identifier()
        .basic_constraints(false)
        .key_usage({kDigitalSignature})
        .extended_key_usage(NID_client_auth)
        .alternative_names({user_uri(profile.trust_domain, profile.name)}, {})
        .session(profile.session_id);
    if (!profile.crl_url.empty()) {
        builder.crl_distribution_point(profile.crl_url);
    }
    return builder.sign(key_);
}

Result<Certificate> Issuer::issue_server(const PublicKey& subject, const ServerProfile& profile) const {
    if (profile.names.size() > kMostServerNames + kMostServices) {
        return malformed("more than 80 names");
    }
    if (!std::all_of(profile.names.begin(), profile.names.end(), is_host_or_address)) {
        return malformed("a server's name must be a DNS name or an IP address");
    }
    if (profile.uris.empty() || profile.uris.size() > kMostServices) {
        return malformed("no URI, or more than 16");
    }
    if (!std::all_of(profile.uris.begin(), profile.uris.end(), [](const std::string& uri) {
            return !uri.empty() && uri.size() <= kMaximumUrlBytes && is_printable(uri);
        })) {
        return malformed("not a server's URI");
    }
    const Certificate& issuer = chain_.front();
    const Result<SystemTime> not_after = last_moment(profile.not_before, profile.not_after, issuer);
    if (!not_after) {
        return not_after.error();
    }
    CertificateBuilder builder;
    builder.subject(NID_commonName, profile.common_name)
        .validity(profile.not_before, *not_after)
        .public_key(subject.get())
        .issued_by(issuer)
        .subject_key_identifier()
        .basic_constraints(false)
        .key_usage({kDigitalSignature})
        .extended_key_usage(NID_server_auth)
        .alternative_names(profile.uris, profile.names);
    return builder.sign(key_);
}

Result<std::string> Issuer::issue_crl(std::uint64_t number, SystemTime this_update, SystemTime next_update,
                                      const std::vector<RevokedSerial>& revoked) const {
    return issue_crl(CrlProfile{number, this_update, next_update}, revoked);
}

Result<std::string> Issuer::issue_crl(const CrlProfile& profile,
                                      const std::vector<RevokedSerial>& revoked) const {
    return build_crl(key_, chain_.front(), profile, revoked);
}

}  // namespace postern::pki
