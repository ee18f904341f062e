#include "ca-service/gateway_reports.hpp"

#include <optional>
#include <vector>

#include "ca-service/store/gateway_lists.hpp"
#include "pki/identity.hpp"

namespace postern::ca {

namespace {

std::optional<std::string> gateway_name(const pki::Certificate& certificate,
                                        const std::string& trust_domain) {
    const std::string prefix = pki::server_uri(trust_domain, pki::ServerKind::gateway, "");
    for (const std::string& uri : certificate.uris()) {
        if (!uri.starts_with(prefix)) {
            continue;
        }
        std::string name = uri.substr(prefix.size());
        const bool is_it =
            pki::is_resource_name(name) &&
            pki::check_server_identity(certificate, trust_domain, pki::ServerKind::gateway, name).has_value();
        return is_it ? std::optional(std::move(name)) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

void GatewayReports::note(const pki::Certificate& verified, const std::string& trust_domain,
                          std::uint64_t crl_number, SystemTime now) {
    const auto name = gateway_name(verified, trust_domain);
    if (!name) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (reports_.size() >= kMost && !reports_.contains(*name)) {
        return;
    }
    Report& report = reports_[*name];
    report.crl_number = crl_number;
    report.heard_at = now;
}

Result<void> GatewayReports::write(store::Database& database, SystemTime now) {
    std::vector<store::GatewayList> due;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, report] : reports_) {
            const bool is_new = report.crl_number != report.written_number;
            const bool is_sign =
                report.heard_at > report.written_at && now - report.written_at >= kSignOfLife;
            // A report is written too when the clock went back.
            if (is_new || is_sign || now < report.written_at) {
                due.push_back({name, report.crl_number, report.heard_at});
            }
        }
    }
    if (due.empty()) {
        return {};
    }
    if (auto noted = store::note_gateway_lists(database, due); !noted) {
        return noted;
    }
    const std::lock_guard lock(mutex_);
    for (const store::GatewayList& written : due) {
        Report& report = reports_[written.gateway];
        report.written_number = written.crl_number;
        report.written_at = now;
    }
    return {};
}

}  // namespace postern::ca
