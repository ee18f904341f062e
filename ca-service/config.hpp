// The settings of ca.toml, parsed strictly. A Config that exists is valid.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.hpp"
#include "base/record_budget.hpp"
#include "base/result.hpp"
#include "http/https_service.hpp"
#include "net/plain_stream.hpp"

namespace postern::ca {

/// A gateway that the CA tells agents of.
struct CatalogueGateway {
    std::string name;
    std::string address;
};

/// A service that the CA tells agents of, and how its PostgreSQL server is identified.
struct CatalogueService {
    std::string name;
    /// The DNS name in the certificate of this PostgreSQL server, where another CA issued it.
    std::optional<std::string> server_name;
    /// True when the server's pg_ident.conf maps login names; the agent then does not compare the database
    /// user with the login name.
    bool has_user_map = false;
    bool is_postgres = true;
    /// True when bytes pass through untouched unless the user asks for end-to-end encryption. Always true for
    /// a service that is not PostgreSQL.
    bool is_passed_through = false;
};

struct Config {
    net::Address listen;
    std::vector<std::string> names;
    std::string trust_domain;
    std::chrono::milliseconds certificate_lifetime{};
    std::chrono::milliseconds session_lifetime{};
    std::chrono::milliseconds server_certificate_lifetime{};
    std::chrono::milliseconds crl_lifetime{};
    /// How many certificates a login session and a user may be issued within half a certificate's life.
    std::size_t certificates_per_session = 0;
    std::size_t certificates_per_user = 0;
    /// The CRL distribution point in login certificates.
    std::string crl_url;

    std::filesystem::path audit_file;
    std::filesystem::path audit_key;
    audit::Durability audit_durability = audit::Durability::write;
    std::uint64_t audit_rotate_bytes = audit::kRotateBytes;

    /// Returns the options with which every process that writes the audit log opens it.
    audit::LogOptions audit_log() const;

    /// The address that answers /livez and /readyz over plain HTTP; empty for none.
    std::optional<net::Address> health_listen;

    http::HttpsLimits http;
    /// How many refusals of strangers get an audit record of their own, at once and per minute.
    std::size_t refusals_recorded = kRecordsOfStrangersPerMinute;
    std::chrono::milliseconds drain_timeout{};
    /// 0 stands for one worker per core.
    std::size_t login_workers = 0;
    std::size_t login_queue = 0;
    std::size_t request_workers = 0;
    std::size_t request_queue = 0;

    std::vector<CatalogueGateway> gateways;
    /// The services that hold a certificate are listed beside these (ca-service/catalogue.hpp).
    std::vector<CatalogueService> services;

    /// Reads `file`. Relative paths in it start at `directory`, which also holds the audit log unless the
    /// file names another place. Fails with Code::config_invalid and every problem in the detail, or with
    /// Code::not_found or Code::io_failed when the file cannot be read.
    static Result<Config> load(const std::filesystem::path& file, const std::filesystem::path& directory);
    static Result<Config> parse(std::string_view text, const std::filesystem::path& file,
                                const std::filesystem::path& directory);
};

/// Returns the text of the configuration that `postern-ca init` writes.
std::string initial_config(const std::string& listen, const std::vector<std::string>& names,
                           const std::string& trust_domain);

/// Holds the configuration in force. Thread-safe; a request takes one snapshot.
class LiveConfig {
public:
    explicit LiveConfig(Config config) : current_(std::make_shared<const Config>(std::move(config))) {}

    std::shared_ptr<const Config> get() const {
        const std::lock_guard lock(mutex_);
        return current_;
    }
    void set(Config config) {
        auto next = std::make_shared<const Config>(std::move(config));
        const std::lock_guard lock(mutex_);
        current_ = std::move(next);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Config> current_;
};

}  // namespace postern::ca
