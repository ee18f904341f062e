#include "gateway/policy/authorize.hpp"

#include <fmt/format.h>

#include "pki/validity.hpp"

namespace postern::gateway {

bool covers_issuer(const Revocations& revocations, const Identity& identity) {
    const bool is_named = !revocations.issuer_key.empty() && !identity.issuer_key.empty();
    return revocations.issuer == identity.issuer &&
           (!is_named || revocations.issuer_key == identity.issuer_key);
}

Result<void> check_not_revoked(const Identity& identity, const Revocations* revocations) {
    if (revocations == nullptr || !covers_issuer(*revocations, identity)) {
        return {};
    }
    const auto reason = revocations->crl.find(identity.login.serial);
    if (!reason) {
        return {};
    }
    return Failure{pki::code_of(*reason), fmt::format("serial {} is on CRL number {}", identity.login.serial,
                                                      revocations->crl.number())};
}

Result<void> check_current(const Revocations* revocations, Moment now, Graces graces) {
    if (revocations == nullptr) {
        return Failure{Code::crl_stale, "there is no CRL yet"};
    }
    if (pki::is_over(revocations->crl.next_update() + graces.offline, now.wall)) {
        return Failure{Code::crl_stale,
                       fmt::format("a new CRL was due at {}", format_time(revocations->crl.next_update()))};
    }
    // A clock that was set back, here or at the CA service, must not make a CRL last longer.
    if (now.even >= revocations->trusted_until + graces.offline) {
        return Failure{
            Code::crl_stale,
            fmt::format("CRL number {} was received longer ago than it lasts, though its time runs to {} "
                        "by this machine's clock",
                        revocations->crl.number(), format_time(revocations->crl.next_update()))};
    }
    return {};
}

Result<void> authenticate(const Identity& identity, Moment now, const Revocations* revocations,
                          Graces graces) {
    const pki::LoginIdentity& login = identity.login;
    if (pki::is_too_early(login.not_before, now.wall)) {
        return Failure{Code::not_yet_valid, fmt::format("valid from {}", format_time(login.not_before))};
    }
    if (pki::is_over(login.not_after, now.wall)) {
        return Failure{Code::expired, fmt::format("valid until {}", format_time(login.not_after))};
    }
    if (auto current = check_current(revocations, now, graces); !current) {
        return current;
    }
    if (!covers_issuer(*revocations, identity)) {
        return Failure{
            Code::crl_stale,
            fmt::format("the CRL is of {} (key {}), the certificate of {} (key {})", revocations->issuer,
                        revocations->issuer_key, identity.issuer, identity.issuer_key)};
    }
    return check_not_revoked(identity, revocations);
}

Result<const Service*> authorize(const Identity& identity, std::string_view service, Moment now,
                                 const Revocations* revocations, const Policy& policy, Graces graces) {
    if (auto known = authenticate(identity, now, revocations, graces); !known) {
        return known.error();
    }
    const Service* found = policy.find(service);
    if (found == nullptr) {
        return Failure{Code::unknown_service, {}};
    }
    if (!policy.allows(service, identity.login.name, identity.login.groups)) {
        return Failure{Code::policy_denied,
                       fmt::format("no rule lets {} use {}", identity.login.name, service)};
    }
    return found;
}

Result<void> check_still_allowed(const Identity& identity, std::string_view service, SystemTime now,
                                 const Revocations* revocations, const Policy& policy,
                                 std::chrono::milliseconds expiry_grace) {
    if (auto good = check_not_revoked(identity, revocations); !good) {
        return good;
    }
    if (!policy.allows(service, identity.login.name, identity.login.groups)) {
        return Failure{Code::policy_denied,
                       fmt::format("no rule lets {} use {} any more", identity.login.name, service)};
    }
    if (pki::is_over(identity.login.not_after + expiry_grace, now)) {
        return Failure{Code::expired, fmt::format("valid until {}", format_time(identity.login.not_after))};
    }
    return {};
}

}  // namespace postern::gateway
