// What ca.toml says, read the strict way. A Config that exists is right.
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

/// A gateway that agents are told of.
struct CatalogueGateway {
    std::string name;
    std::string address;
};

/// A service that agents are told of, and how its PostgreSQL is known.
struct CatalogueService {
    std::string name;
    /// The DNS name on a certificate that another CA gave to this PostgreSQL.
    std::optional<std::string> server_name;
    /// Its pg_ident.conf maps login names, so that the agent does not compare them.
    bool has_user_map = false;
    bool is_postgres = true;
    /// Bytes go through untouched unless somebody asks for end to end; always so for what is not PostgreSQL.
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
    /// How many a login session and a user are given within half a certificate's life.
    std::size_t certificates_per_session = 0;
    std::size_t certificates_per_user = 0;
    /// The CRL distribution point in login certificates.
    std::string crl_url;

    std::filesystem::path audit_file;
    std::filesystem::path audit_key;
    audit::Durability audit_durability = audit::Durability::write;
    std::uint64_t audit_rotate_bytes = audit::kRotateBytes;

    /// What every process that writes the audit log opens it with.
    audit::LogOptions audit_log() const;

    /// Where /livez and /readyz are answered over plain HTTP; nothing: nowhere.
    std::optional<net::Address> health_listen;

    http::HttpsLimits http;
    /// Of strangers, with a record of their own, at once and a minute.
    std::size_t refusals_recorded = kRecordsOfStrangersPerMinute;
    std::chrono::milliseconds drain_timeout{};
    std::size_t login_workers = 0;
    std::size_t login_queue = 0;
    std::size_t request_workers = 0;
    std::size_t request_queue = 0;

    std::vector<CatalogueGateway> gateways;
    /// Beside these there are the services that hold a certificate (ca-service/catalogue.hpp).
    std::vector<CatalogueService> services;

    /// `directory` is where the audit log is when the file does not say, or names no absolute path.
    /// Code::config_invalid with every problem.
    static Result<Config> load(const std::filesystem::path& file, const std::filesystem::path& directory);
    static Result<Config> parse(std::string_view text, const std::filesystem::path& file,
                                const std::filesystem::path& directory);
};

/// The file that `init` writes.
std::string initial_config(const std::string& listen, const std::vector<std::string>& names,
                           const std::string& trust_domain);

/// The configuration in force. Thread-safe; a request takes one snapshot.
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
