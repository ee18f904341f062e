// The settings with everything that their files hold, checked and ready for use. Published whole: a reload
// makes a new one or leaves the old one in force.
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
    /// The gateway's own certificate, and what it came with.
    std::vector<pki::Certificate> chain;
    pki::PrivateKey key;

    /// What is allowed but makes trouble at `now`, or soon: a certificate that ends, a policy that denies
    /// everybody.
    std::vector<std::string> warnings(SystemTime now) const;

    Graces graces() const noexcept { return Graces{settings.offline_grace}; }

    /// Code::config_invalid, or the failure of the file that could not be read, with its path.
    static Result<std::shared_ptr<const Snapshot>> load(const std::filesystem::path& file);
    static Result<std::shared_ptr<const Snapshot>> make(Settings settings);
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace postern::gateway
