// The settings together with the content of the files that they name, checked and ready for use. A snapshot
// is replaced as a whole: a reload makes a new one or leaves the old one in force.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/policy/settings.hpp"
#include "net/tls_context.hpp"
#include "pki/certificate.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

/// Immutable; shared by all loops.
struct Snapshot {
    Settings settings;
    net::TlsContext tls;
    pki::TrustBundle user_ca;
    pki::TrustBundle server_ca;
    /// The gateway's own certificate and the intermediate certificates of its chain.
    std::vector<pki::Certificate> chain;
    pki::PrivateKey key;

    /// Returns what is valid but is or will soon be a problem at `now`, for example a certificate that
    /// expires or a service that nobody may use.
    std::vector<std::string> warnings(SystemTime now) const;

    Graces graces() const noexcept { return Graces{settings.offline_grace}; }

    /// Reads the configuration and its files. Fails with Code::config_invalid, or with the failure of the
    /// file that could not be read and its path. Blocking.
    static Result<std::shared_ptr<const Snapshot>> load(const std::filesystem::path& file);
    /// Reads the files that `settings` name. Fails as load() does.
    static Result<std::shared_ptr<const Snapshot>> make(Settings settings);
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace postern::gateway
