// The tunnels of one event loop that are being opened or are open. Each is judged again when its certificate
// expires, when the CRL changes, and when the settings or the trust bundle change; a tunnel that is no longer
// allowed is cut at once. To be used on one thread.
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

/// Which tunnels an administrator means: the one with a connection id, or those of a user, to a service, or
/// both. An empty member matches all tunnels; a selection whose members are all empty matches none.
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

/// A tunnel's entry in the set, which is part of the frame of the coroutine that drives the tunnel. The
/// tunnel can be cut from the moment it was authorized, so that no change of CRL or policy is missed while
/// the gateway is still dialling.
class LiveTunnel {
public:
    /// `connection_id` identifies the tunnel for cut_selected(), and `connection` is the stream whose
    /// handshake showed the certificate. Both, and `all`, must outlive this object.
    LiveTunnel(LiveConnections& all, IdentityPtr identity, std::string service,
               std::string_view connection_id = {}, const net::TlsStream* connection = nullptr);
    ~LiveTunnel();
    LiveTunnel(const LiveTunnel&) = delete;
    LiveTunnel& operator=(const LiveTunnel&) = delete;

    /// From now on cut() closes this stream, which must outlive this object.
    void owns_client(net::ByteStream& client) noexcept { client_ = &client; }
    void owns_backend(net::ByteStream& backend) noexcept { backend_ = &backend; }

    /// Stores the reason and closes the streams. Only the first call has an effect.
    void cut(Code reason) noexcept;
    /// Why the gateway cut the tunnel; nothing if it did not.
    std::optional<Code> cut_reason() const noexcept { return reason_; }
    const Identity& identity() const noexcept { return *identity_; }
    const std::string& service() const noexcept { return service_; }

private:
    friend class LiveConnections;

    LiveConnections& all_;
    /// The certificate that opened the tunnel. Its revocation ends the tunnel even if a newer one has
    /// replaced it in identity_.
    const IdentityPtr opener_;
    /// The certificate whose validity keeps the tunnel open: first the one that opened it, later a newer one
    /// of its session.
    IdentityPtr identity_;
    std::string service_;
    std::string_view connection_id_;
    const net::TlsStream* connection_;
    net::ByteStream* client_ = nullptr;
    net::ByteStream* backend_ = nullptr;
    std::optional<Code> reason_;
};

/// What tunnels are judged by. The references must outlive this object.
struct Judgement {
    SystemTime now;
    const Policy& policy;
    /// Null while there is no CRL.
    const Revocations* revocations;
    const LoginSessions& sessions;
    /// How long after its not_after a certificate still keeps a tunnel open.
    std::chrono::milliseconds expiry_grace{0};
};

/// The set of tunnels of one event loop.
class LiveConnections {
public:
    LiveConnections() = default;
    LiveConnections(const LiveConnections&) = delete;
    LiveConnections& operator=(const LiveConnections&) = delete;

    /// Cuts the tunnels whose certificate has expired without a newer one of its session. To be called every
    /// second. Returns the number that it cut.
    std::size_t cut_expired(const Judgement& judgement);
    /// Judges all tunnels, after a change of CRL or settings, and cuts those that are no longer allowed. It
    /// also cuts, with Code::crl_stale, those of which no certificate is covered by the CRL, because nobody
    /// could revoke them any more. Returns the number that it cut.
    std::size_t judge_all(const Judgement& judgement);
    /// Cuts the tunnels whose chain the new trust bundle does not verify. Returns the number that it cut.
    std::size_t judge_trust(const pki::TrustBundle& user_ca, SystemTime now);
    /// Cuts all tunnels.
    void cut_all(Code reason);
    /// Cuts the selected tunnels, including those that are being opened. Returns the number of selected
    /// tunnels in this set.
    std::size_t cut_selected(const Selection& selection, Code reason);
    std::size_t size() const noexcept { return tunnels_.size(); }

private:
    friend class LiveTunnel;
    std::unordered_set<LiveTunnel*> tunnels_;
};

}  // namespace postern::gateway
