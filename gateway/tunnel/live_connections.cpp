#include "gateway/tunnel/live_connections.hpp"

#include <algorithm>
#include <initializer_list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pki/validity.hpp"

namespace postern::gateway {

namespace {

/// Verifies the chain that the connection showed. Expiry is judged elsewhere, by the newest certificate of
/// the session; an expired certificate is verified at the last second of its validity.
Result<void> check_vouched_for(const net::TlsStream& connection, const pki::TrustBundle& user_ca,
                               SystemTime now) {
    const net::TlsPeer peer = connection.peer();
    if (!peer.certificate) {
        return Failure{Code::no_certificate, {}};
    }
    const SystemTime last = peer.certificate->not_after() - std::chrono::seconds(1);
    const SystemTime moment = std::max(std::min(now, last), peer.certificate->not_before());
    const std::vector<pki::Certificate> others(peer.chain.begin() + 1, peer.chain.end());
    return user_ca.verify(*peer.certificate, others, pki::Purpose::client_auth, moment);
}

/// Returns whether the CRL covers one of the certificates, so that the tunnel could be revoked. One is
/// enough, because the CA revokes all certificates of a session together.
bool can_be_revoked(std::initializer_list<const Identity*> certificates, const Revocations* revocations) {
    // Without a CRL, as in an outage of the CA, open tunnels stay open.
    return revocations == nullptr ||
           std::any_of(certificates.begin(), certificates.end(),
                       [&](const Identity* identity) { return covers_issuer(*revocations, *identity); });
}

}  // namespace

LiveTunnel::LiveTunnel(LiveConnections& all, IdentityPtr identity, std::string service,
                       std::string_view connection_id, const net::TlsStream* connection)
    : all_(all),
      opener_(identity),
      identity_(std::move(identity)),
      service_(std::move(service)),
      connection_id_(connection_id),
      connection_(connection) {
    all_.tunnels_.insert(this);
}

LiveTunnel::~LiveTunnel() {
    all_.tunnels_.erase(this);
}

void LiveTunnel::cut(Code reason) noexcept {
    if (reason_) {
        return;
    }
    reason_ = reason;
    // The pending operations of the tunnel's coroutine complete with `cancelled` after this call.
    if (backend_ != nullptr) {
        backend_->close();
    }
    if (client_ != nullptr) {
        client_->close();
    }
}

std::size_t LiveConnections::cut_expired(const Judgement& judgement) {
    std::size_t count = 0;
    for (LiveTunnel* tunnel : tunnels_) {
        if (tunnel->reason_ || !pki::is_over(tunnel->identity_->login.not_after, judgement.now)) {
            continue;
        }
        const IdentityPtr newest = judgement.sessions.newest(tunnel->identity_);
        if (newest != tunnel->identity_) {
            tunnel->identity_ = newest;
        }
        if (auto allowed =
                check_still_allowed(*tunnel->identity_, tunnel->service_, judgement.now,
                                    judgement.revocations, judgement.policy, judgement.expiry_grace);
            !allowed) {
            tunnel->cut(allowed.error().code);
            ++count;
        }
    }
    return count;
}

std::size_t LiveConnections::judge_all(const Judgement& judgement) {
    std::size_t count = 0;
    for (LiveTunnel* tunnel : tunnels_) {
        if (tunnel->reason_) {
            continue;
        }
        // The tunnel ends if the CRL contains any of three certificates: the one that opened it, the one that
        // keeps it open now, and the newest of the session. The CA revokes all certificates of a session
        // together, but a CRL from elsewhere may contain only one of them and may leave out expired ones.
        const IdentityPtr newest = judgement.sessions.newest(tunnel->identity_);
        // Usually the three are the same, which is looked up once.
        Result<void> allowed;
        for (const IdentityPtr* other : {&tunnel->opener_, &newest}) {
            if (allowed && *other != tunnel->identity_) {
                allowed = check_not_revoked(**other, judgement.revocations);
            }
        }
        if (allowed) {
            allowed = check_still_allowed(*tunnel->identity_, tunnel->service_, judgement.now,
                                          judgement.revocations, judgement.policy, judgement.expiry_grace);
        }
        const bool waits_for_renewal = !allowed && allowed.error().code == Code::expired;
        if (!allowed && !waits_for_renewal) {
            tunnel->cut(allowed.error().code);
            ++count;
        } else if (!can_be_revoked({tunnel->opener_.get(), tunnel->identity_.get(), newest.get()},
                                   judgement.revocations)) {
            // The CRL is of another key than these certificates: the CA's issuing key has changed. No CRL
            // will contain them any more.
            tunnel->cut(Code::crl_stale);
            ++count;
        }
    }
    return count + cut_expired(judgement);
}

std::size_t LiveConnections::judge_trust(const pki::TrustBundle& user_ca, SystemTime now) {
    // Many tunnels share one certificate, and verifying a chain is expensive, so each certificate is verified
    // once.
    std::unordered_map<const Identity*, Result<void>> judged;
    std::size_t count = 0;
    for (LiveTunnel* tunnel : tunnels_) {
        if (tunnel->reason_ || tunnel->connection_ == nullptr) {
            continue;
        }
        auto found = judged.find(tunnel->opener_.get());
        if (found == judged.end()) {
            auto vouched_for = check_vouched_for(*tunnel->connection_, user_ca, now);
            found = judged.emplace(tunnel->opener_.get(), std::move(vouched_for)).first;
        }
        if (!found->second) {
            tunnel->cut(found->second.error().code);
            ++count;
        }
    }
    return count;
}

void LiveConnections::cut_all(Code reason) {
    for (LiveTunnel* tunnel : tunnels_) {
        tunnel->cut(reason);
    }
}

std::size_t LiveConnections::cut_selected(const Selection& selection, Code reason) {
    std::size_t count = 0;
    for (LiveTunnel* tunnel : tunnels_) {
        if (selection.fits(tunnel->connection_id_, tunnel->identity_->login.name, tunnel->service_)) {
            tunnel->cut(reason);
            ++count;
        }
    }
    return count;
}

}  // namespace postern::gateway
