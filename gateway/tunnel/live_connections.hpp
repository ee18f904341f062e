// The tunnels of one loop that are being opened or are open. Each is judged again when its certificate
// expires, when the CRL changes and when the settings or the trust do; what may no longer be is cut at once.
// To be used on one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/policy/identity.hpp"
#include "gateway/policy/login_sessions.hpp"
#include "net/byte_stream.hpp"
#include "net/tls_stream.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

class LiveConnections;

/// Which tunnels an administrator means: that of a connection id, or those of a user, to a service, or both.
/// Empty members fit all; with all of them empty it fits none.
struct Selection {
    std::string id;
    std::string user;
    std::string service;

    bool fits(std::string_view its_id, std::string_view its_user, std::string_view its_service) const {
        const bool is_empty = id.empty() && user.empty() && service.empty();
        return !is_empty && (id.empty() || id == its_id) && (user.empty() || user == its_user) &&
               (service.empty() || service == its_service);
    }
};

/// A tunnel's place in the set, in the frame of the coroutine that drives it. From the moment that it was let
/// in by the predicate, it can be cut: no change of CRL or policy slips through while the gateway still
/// dials.
class LiveTunnel {
public:
    /// `connection_id` is what cut_selected() knows it by, `connection` the one whose handshake showed the
    /// certificate; both must outlive this object.
    LiveTunnel(LiveConnections& all, IdentityPtr identity, std::string service,
               std::string_view connection_id = {}, const net::TlsStream* connection = nullptr);
    ~LiveTunnel();
    LiveTunnel(const LiveTunnel&) = delete;
    LiveTunnel& operator=(const LiveTunnel&) = delete;

    /// From now on a cut closes this stream. It must outlive this object.
    void owns_client(net::ByteStream& client) noexcept { client_ = &client; }
    void owns_backend(net::ByteStream& backend) noexcept { backend_ = &backend; }

    /// Notes the reason and closes the streams. The first reason stays.
    void cut(Code reason) noexcept;
    /// Why the gateway cut it; nothing while it did not.
    std::optional<Code> cut_reason() const noexcept { return reason_; }
    const Identity& identity() const noexcept { return *identity_; }
    const std::string& service() const noexcept { return service_; }

private:
    friend class LiveConnections;

    LiveConnections& all_;
    /// The certificate that opened the tunnel. Its revocation ends the tunnel also when a newer one carries
    /// it.
    const IdentityPtr opener_;
    /// The certificate by which the tunnel lives: the one that opened it, later a newer one of its session.
    IdentityPtr identity_;
    std::string service_;
    std::string_view connection_id_;
    const net::TlsStream* connection_;
    net::ByteStream* client_ = nullptr;
    net::ByteStream* backend_ = nullptr;
    std::optional<Code> reason_;
};

/// What tunnels are judged by.
struct Judgement {
    SystemTime now;
    const Policy& policy;
    /// May be null.
    const Revocations* revocations;
    const LoginSessions& sessions;
    /// How long past its not_after a certificate still carries a tunnel.
    std::chrono::milliseconds expiry_grace{0};
};

class LiveConnections {
public:
    LiveConnections() = default;
    LiveConnections(const LiveConnections&) = delete;
    LiveConnections& operator=(const LiveConnections&) = delete;

    /// Every second: cuts those whose session showed no newer certificate in time. Returns how many it cut.
    std::size_t cut_expired(const Judgement& judgement);
    /// After a change of CRL or settings: judges all. With Code::crl_stale it cuts those whose certificates
    /// the CRL says nothing of, none of them: nobody could revoke them any more.
    std::size_t judge_all(const Judgement& judgement);
    /// After a change of the trust bundle: cuts those whose chain it does not vouch for.
    std::size_t judge_trust(const pki::TrustBundle& user_ca, SystemTime now);
    void cut_all(Code reason);
    /// Also those that are being opened. Returns how many of them are here.
    std::size_t cut_selected(const Selection& selection, Code reason);
    std::size_t size() const noexcept { return tunnels_.size(); }

private:
    friend class LiveTunnel;
    std::unordered_set<LiveTunnel*> tunnels_;
};

}  // namespace postern::gateway
