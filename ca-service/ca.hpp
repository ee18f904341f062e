// The state that the CA service's handlers share. All of it is thread-safe and outlives the event loops.
#pragma once

#include <atomic>

#include "audit/log.hpp"
#include "base/clock.hpp"
#include "base/silent_peers.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/change_log.hpp"
#include "ca-service/config.hpp"
#include "ca-service/crl_publisher.hpp"
#include "ca-service/gateway_reports.hpp"
#include "ca-service/login_throttle.hpp"
#include "ca-service/password.hpp"
#include "ca-service/refusal_records.hpp"
#include "ca-service/settled_clock.hpp"

namespace postern::ca {

/// Owns all shared state but the audit log, which must outlive it.
struct Ca {
    Ca(Authority loaded, Config config, audit::Log& log, Clock time, ThrottleRules rules = {})
        : authority(std::move(loaded)),
          settings(std::move(config)),
          audit(log),
          refusals(log, settings.get()->refusals_recorded),
          clock(std::move(time)),
          throttle(rules),
          settled(clock, even_clock()),
          crls(authority.users(), clock, [this] { return settled.now(); }),
          logged(settings.get()->audit_file) {}
    Ca(const Ca&) = delete;
    Ca& operator=(const Ca&) = delete;

    const Authority authority;
    LiveConfig settings;
    audit::Log& audit;
    RefusalRecords refusals;
    SilentPeers silent;
    const Clock clock;
    const PasswordHasher passwords;
    LoginThrottle throttle;
    SettledClock settled;
    CrlPublisher crls;
    GatewayReports gateways;
    ChangeLogTail logged;
    /// True while the store is one that was restored from a backup and that no administrator has accepted. As
    /// long as it is true, nothing is handed out that depends on the store.
    std::atomic<bool> is_store_restored = false;
};

}  // namespace postern::ca
