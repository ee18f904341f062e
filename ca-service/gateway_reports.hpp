// Which revocation list each gateway holds, by what it says when it asks for changes, under the name that its
// certificate proves.
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

/// Thread-safe. Kept in memory and written down in bulk, so that a question costs no transaction.
class GatewayReports {
public:
    /// How often what has not changed is written down again, as a sign of life.
    static constexpr std::chrono::seconds kSignOfLife{30};
    /// Beyond so many names no further ones are noted.
    static constexpr std::size_t kMost = 10'000;

    /// `verified` is the certificate of a server of this CA; those that are no gateway of the trust domain
    /// say nothing.
    void note(const pki::Certificate& verified, const std::string& trust_domain, std::uint64_t crl_number,
              SystemTime now);
    /// Writes down what is new, if something is.
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
