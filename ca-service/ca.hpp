// What the handlers of the CA service share. Everything in it is thread-safe; it outlives the event loops.
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
    /// The store was put back from a backup, and nobody has accepted that: nothing is handed out that it
    /// decides.
    std::atomic<bool> is_store_restored = false;
};

}  // namespace postern::ca
