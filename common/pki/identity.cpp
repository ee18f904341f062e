#include "pki/identity.hpp"

#include <algorithm>

#include "pki/digest.hpp"

namespace postern::pki {

namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaximumNameBytes = 63;
constexpr std::size_t kMaximumDnsBytes = 253;
/// The hexadecimal digits that are used of a SHA-256 digest: 128 bits.
constexpr std::size_t kHashDigits = 32;

bool is_letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Whether the text is a name of at most `limit_bytes` bytes, whose characters are letters, digits and those
/// in `also`.
bool is_name(std::string_view text, std::size_t limit_bytes, std::string_view also) noexcept {
    if (text.empty() || text.size() > limit_bytes) {
        return false;
    }
    if (!is_letter_or_digit(text.front()) && text.front() != '_') {
        return false;
    }
    return std::all_of(text.begin(), text.end(), [also](char c) {
        return is_letter_or_digit(c) || also.find(c) != std::string_view::npos;
    });
}

std::string_view name_of(ServerKind kind) noexcept {
    switch (kind) {
        case ServerKind::ca:
            return "ca";
        case ServerKind::gateway:
            return "gateway";
        case ServerKind::service:
            return "service";
    }
    return "unknown";
}

std::string spiffe_uri(std::string_view trust_domain, std::string_view kind, std::string_view name) {
    std::string uri(kScheme);
    uri.append(trust_domain).append("/").append(kind).append("/").append(name);
    return uri;
}

/// Whether DNS can represent the name and distinguish it from all others, although DNS ignores case.
bool is_dns_name(std::string_view text) noexcept {
    return std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) &&
           text.find("..") == std::string_view::npos && !text.ends_with('.');
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

}  // namespace

bool LoginIdentity::is_in(std::string_view group) const {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<LoginIdentity> login_identity(const Certificate& certificate) {
    const auto refuse = [](std::string_view why) {
        return Failure{Code::malformed_certificate, "not a login certificate: " + std::string(why)};
    };
    LoginIdentity identity;
    identity.name = certificate.common_name();
    if (!is_login_name(identity.name)) {
        return refuse("its CN is not one login name");
    }
    const std::vector<std::string> uris = certificate.uris();
    if (uris.size() != 1) {
        return refuse("it has not exactly one URI");
    }
    std::string_view uri = uris.front();
    if (!uri.starts_with(kScheme)) {
        return refuse("its URI is not a SPIFFE ID");
    }
    uri.remove_prefix(kScheme.size());
    identity.trust_domain = uri.substr(0, uri.find('/'));
    if (!is_trust_domain(identity.trust_domain)) {
        return refuse("its URI names no trust domain");
    }
    if (uris.front() != user_uri(identity.trust_domain, identity.name)) {
        return refuse("its URI and its CN name different users");
    }
    identity.groups = certificate.organizations();
    if (!std::all_of(identity.groups.begin(), identity.groups.end(), is_resource_name)) {
        return refuse("an O is not a group's name");
    }
    std::optional<std::string> session = certificate.session_id();
    if (!session) {
        return refuse("it names no login session");
    }
    identity.session_id = std::move(*session);
    identity.serial = certificate.serial();
    identity.fingerprint = certificate.fingerprint();
    identity.not_before = certificate.not_before();
    identity.not_after = certificate.not_after();
    return identity;
}

std::string server_uri(std::string_view trust_domain, ServerKind kind, std::string_view name) {
    return spiffe_uri(trust_domain, name_of(kind), name);
}

std::string user_uri(std::string_view trust_domain, std::string_view name) {
    return spiffe_uri(trust_domain, "user", name);
}

Result<void> check_server_identity(const Certificate& certificate, std::string_view trust_domain,
                                   ServerKind kind, std::string_view name) {
    const std::string wanted = server_uri(trust_domain, kind, name);
    const std::vector<std::string> uris = certificate.uris();
    const bool may_be_several = kind == ServerKind::service;
    const bool is_right = [&] {
        if (uris.empty() || (uris.size() > 1 && !may_be_several) || !is_trust_domain(trust_domain)) {
            return false;
        }
        const std::string prefix = server_uri(trust_domain, kind, {});
        const bool are_of_kind = std::all_of(uris.begin(), uris.end(), [&](const std::string& uri) {
            return uri.starts_with(prefix) &&
                   is_name(std::string_view(uri).substr(prefix.size()), kMaximumDnsBytes, "._-");
        });
        return are_of_kind && (name.empty() || std::find(uris.begin(), uris.end(), wanted) != uris.end());
    }();
    if (is_right) {
        return {};
    }
    std::string found = uris.empty() ? "no URI" : uris.front();
    if (uris.size() > 1) {
        found += " and " + std::to_string(uris.size() - 1) + " more";
    }
    return Failure{Code::wrong_server_identity,
                   "expected " + wanted + (name.empty() ? "…" : "") + ", the certificate bears " + found};
}

std::string service_host(std::string_view trust_domain, std::string_view service) {
    std::string host = is_dns_name(service) ? std::string(service) + ".service."
                                            : sha256_hex(service).substr(0, kHashDigits) + ".service-id.";
    host += trust_domain;
    return host.size() <= kMaximumDnsBytes ? host : std::string();
}

bool is_service_host(std::string_view trust_domain, std::string_view dns_name) {
    const std::string name = lower_case(dns_name.substr(0, dns_name.size() - dns_name.ends_with('.')));
    const std::string domain = lower_case(trust_domain);
    return name.ends_with(".service." + domain) || name.ends_with(".service-id." + domain);
}

bool is_login_name(std::string_view text) noexcept {
    return is_name(text, kMaximumNameBytes, "._-@+");
}

bool is_resource_name(std::string_view text) noexcept {
    return is_name(text, kMaximumNameBytes, "._-");
}

bool is_trust_domain(std::string_view text) noexcept {
    if (text.empty() || text.size() > 255) {
        return false;
    }
    std::size_t label_bytes = 0;
    char previous = '.';
    for (const char c : text) {
        if (c == '.') {
            if (label_bytes == 0 || previous == '-') {
                return false;
            }
            label_bytes = 0;
        } else {
            const bool is_allowed =
                (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '-' && previous != '.');
            if (!is_allowed || ++label_bytes > 63) {
                return false;
            }
        }
        previous = c;
    }
    return label_bytes > 0 && previous != '-';
}

}  // namespace postern::pki
