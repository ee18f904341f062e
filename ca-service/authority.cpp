#include "ca-service/authority.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.hpp"

namespace postern::ca {

namespace {

constexpr std::chrono::hours kRootLifetime{24 * 3652};
constexpr std::chrono::hours kIssuingLifetime{24 * 730};

/// `kind` is "user" or "server".
Result<void> create_authority(const std::filesystem::path& directory, const std::string& kind,
                              const std::string& organization, SystemTime now) {
    const auto profile = [&](std::string_view role, std::chrono::hours lifetime) {
        return pki::AuthorityProfile{.common_name = fmt::format("Postern {} {} CA", kind, role),
                                     .organization = organization,
                                     .lifetime = lifetime};
    };
    const auto root = pki::make_root(profile("root", kRootLifetime), now);
    if (!root) {
        return root.error();
    }
    const auto issuing = pki::make_intermediate(*root, profile("issuing", kIssuingLifetime), now);
    if (!issuing) {
        return issuing.error();
    }
    for (const auto& [role, made] : {std::pair{"root", &*root}, std::pair{"issuing", &*issuing}}) {
        const std::string stem = fmt::format("{}-{}", kind, role);
        if (auto saved = made->key.save(directory / (stem + ".key")); !saved) {
            return saved;
        }
        if (auto written = write_file(directory / (stem + ".pem"), made->certificate.pem(), 0644); !written) {
            return written;
        }
    }
    return write_file(directory / (kind + "-ca.pem"), root->certificate.pem() + issuing->certificate.pem(),
                      0644);
}

Result<pki::Issuer> load_issuer(const std::filesystem::path& directory, const std::string& kind) {
    auto key = pki::PrivateKey::load(directory / (kind + "-issuing.key"));
    if (!key) {
        return key.error();
    }
    auto chain = pki::load_certificates(directory / (kind + "-issuing.pem"));
    if (!chain) {
        return chain.error();
    }
    const auto roots = pki::load_certificates(directory / (kind + "-root.pem"));
    if (!roots) {
        return roots.error();
    }
    chain->insert(chain->end(), roots->begin(), roots->end());
    return pki::Issuer::make(std::move(*key), std::move(*chain));
}

}  // namespace

Result<void> create_authorities(const std::filesystem::path& directory, const std::string& organization,
                                SystemTime now) {
    if (auto users = create_authority(directory, "user", organization, now); !users) {
        return with_context("cannot make the user CA", users.error());
    }
    if (auto servers = create_authority(directory, "server", organization, now); !servers) {
        return with_context("cannot make the server CA", servers.error());
    }
    return {};
}

Authority::Authority(pki::Issuer users, pki::Issuer servers, pki::TrustBundle user_bundle,
                     pki::TrustBundle server_bundle)
    : users_(std::move(users)),
      servers_(std::move(servers)),
      user_bundle_(std::move(user_bundle)),
      server_bundle_(std::move(server_bundle)) {}

Result<Authority> Authority::load(const std::filesystem::path& directory) {
    auto users = load_issuer(directory, "user");
    if (!users) {
        return with_context("cannot load the user CA", users.error());
    }
    auto servers = load_issuer(directory, "server");
    if (!servers) {
        return with_context("cannot load the server CA", servers.error());
    }
    auto user_bundle = pki::TrustBundle::load(directory / "user-ca.pem");
    if (!user_bundle) {
        return user_bundle.error();
    }
    auto server_bundle = pki::TrustBundle::load(directory / "server-ca.pem");
    if (!server_bundle) {
        return server_bundle.error();
    }
    return Authority(std::move(*users), std::move(*servers), std::move(*user_bundle),
                     std::move(*server_bundle));
}

Result<std::string> server_root_pin(const std::filesystem::path& directory) {
    const auto root = pki::load_certificates(directory / "server-root.pem");
    if (!root) {
        return root.error();
    }
    return "sha256:" + root->front().fingerprint();
}

SystemTime bounded_end(SystemTime now, std::chrono::milliseconds lifetime, const pki::Issuer& issuer) {
    SystemTime end = now + lifetime;
    for (const pki::Certificate& above : issuer.chain()) {
        end = std::min(end, above.not_after());
    }
    return end;
}

const std::vector<std::string>& authority_files() {
    static const std::vector<std::string> kFiles{
        "user-root.key",   "user-root.pem",   "user-issuing.key",   "user-issuing.pem",   "user-ca.pem",
        "server-root.key", "server-root.pem", "server-issuing.key", "server-issuing.pem", "server-ca.pem"};
    return kFiles;
}

}  // namespace postern::ca
