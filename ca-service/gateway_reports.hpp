// Which revocation list each gateway holds. A gateway names its list when it asks for changes, and is known
// by the name in its certificate.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/store/database.hpp"
#include "pki/certificate.hpp"

namespace postern::ca {

/// Keeps the gateways' reports in memory and writes them to the store in bulk, so that a request costs no
/// transaction. Thread-safe.
class GatewayReports {
public:
    /// How often an unchanged report is written again, as a sign of life.
    static constexpr std::chrono::seconds kSignOfLife{30};
    /// How many gateways are noted; the names of further ones are ignored.
    static constexpr std::size_t kMost = 10'000;

    /// Notes that the server with the certificate `verified` holds the list `crl_number`. `verified` is a
    /// verified certificate of this CA. A server that is no gateway of `trust_domain` is ignored.
    void note(const pki::Certificate& verified, const std::string& trust_domain, std::uint64_t crl_number,
              SystemTime now);
    /// Writes the reports that are new or due to the store, if there are any. Fails with the store's error.
    Result<void> write(store::Database& database, SystemTime now);

private:
    struct Report {
        std::uint64_t crl_number = 0;
        SystemTime heard_at{};
        std::uint64_t written_number = 0;
        SystemTime written_at{};
    };

    std::mutex mutex_;
    std::map<std::string, Report> reports_;
};

}  // namespace postern::ca
