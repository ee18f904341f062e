#include "gateway/tunnel/tunnel.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/counted.hpp"
#include "base/log.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/tunnel/backend_start.hpp"
#include "gateway/tunnel/records.hpp"
#include "gateway/tunnel/session_start.hpp"
#include "http/server.hpp"
#include "net/deadline_timer.hpp"
#include "net/dial.hpp"
#include "net/lingering_close.hpp"
#include "net/relay.hpp"

namespace postern::gateway {

namespace {

using std::chrono::steady_clock;

/// How long after a server's reset the client's own end may take to arrive.
constexpr auto kGoodbyeTimeout = std::chrono::milliseconds(250);
/// When a database host loses its power it sends nothing. Without these limits a client would wait for the
/// two hours of the kernel's default.
constexpr net::PlainStream::Liveness kBackendLiveness{std::chrono::seconds(60), std::chrono::seconds(15), 4,
                                                      std::nullopt};

/// What a tunnel needs once it has been authorized: its service, its places, and the settings at that time.
struct Admission {
    const Service* service = nullptr;
    Permit permit;
    ServiceSlots::Place place;
    SnapshotPtr snapshot;
};

/// An open tunnel. The members are declared in the order in which they are made; `live` is destroyed before
/// the backend's stream, which it may close.
struct Tunnel {
    Tunnel(ClientConnection& connection, Admission admission, const std::string& service_name);

    const steady_clock::time_point started_at = steady_clock::now();
    /// Counts the tunnel from its authorization until its last record is written.
    Counted counted;
    Permit permit;
    ServiceSlots::Place place;
    Protocol protocol;
    std::chrono::milliseconds backend_timeout;
    std::chrono::milliseconds start_timeout;
    std::optional<net::PlainStream> backend;
    std::optional<SessionStart> session_start;
    /// The time limit of a CancelRequest.
    std::optional<net::DeadlineTimer> end_of_cancel;
    /// The bytes of the relay, and those that were forwarded before it.
    net::RelayCounters counters;
    LiveTunnel live;
};
using TunnelPtr = std::unique_ptr<Tunnel>;

Tunnel::Tunnel(ClientConnection& connection, Admission admission, const std::string& service_name)
    : counted(connection.worker.tunnels),
      permit(std::move(admission.permit)),
      place(std::move(admission.place)),
      protocol(admission.service->protocol),
      backend_timeout(admission.snapshot->settings.limits.backend_timeout),
      start_timeout(admission.snapshot->settings.limits.start_timeout),
      live(connection.worker.live, *connection.identity, service_name, connection.id, &connection.client) {}

/// Returns whether an end of the stream must be distinguishable from a loss. PostgreSQL's protocol itself
/// says where a session ends. In other protocols only the layers below can tell: a loss is passed on as a TCP
/// reset, and as TLS without close_notify.
bool must_tell_ends(const Tunnel& tunnel) {
    return tunnel.protocol == Protocol::tcp;
}

Failure backend_failure(const Failure& failure) {
    if (failure.code == Code::out_of_resources) {
        return failure;
    }
    const Code code = failure.code == Code::timed_out ? Code::backend_timed_out : Code::backend_unreachable;
    return Failure{code, failure.detail};
}

/// Returns the address to dial: that of the service, or the server of the very session that is to be
/// cancelled.
Result<net::Address> destination(const ClientConnection& connection, const TunnelRequest& request,
                                 const Service& service) {
    if (request.cancel_of.empty()) {
        return service.backend;
    }
    const auto session =
        connection.worker.shared.directory.find(request.cancel_of, (*connection.identity)->login.name);
    if (!session || !session->is_open || session->service != request.service) {
        return Failure{Code::not_found,
                       "Postern-Cancel-Of names no live connection of this user and service"};
    }
    if (session->backend_port == 0) {
        return service.backend;
    }
    return net::Address{session->backend_ip, std::to_string(session->backend_port), false};
}

/// Dials the backend, and starts TLS if requested. The backend is part of the tunnel before the first wait on
/// it, so that a cut closes it.
boost::asio::awaitable<Result<void>> open_backend(Tunnel& tunnel, net::Address address, BackendStart start) {
    auto dialled = co_await net::dial(std::move(address), tunnel.backend_timeout);
    if (!dialled) {
        co_return backend_failure(dialled.error());
    }
    dialled->expect(kBackendLiveness);
    tunnel.backend.emplace(std::move(*dialled));
    if (tunnel.live.cut_reason()) {
        co_return Failure{*tunnel.live.cut_reason(), "cut while the gateway dialled"};
    }
    tunnel.backend->set_reset_on_close(must_tell_ends(tunnel));
    tunnel.live.owns_backend(*tunnel.backend);
    if (start == BackendStart::postgres_tls) {
        auto started = co_await start_backend_tls(*tunnel.backend, tunnel.backend_timeout);
        if (tunnel.live.cut_reason()) {
            co_return Failure{*tunnel.live.cut_reason(), "cut while the backend started"};
        }
        if (!started) {
            co_return started.error();
        }
    }
    co_return Result<void>();
}

/// Writes the record connection.accepted and adds the tunnel to the directory.
boost::asio::awaitable<Result<void>> let_in(ClientConnection& connection, Tunnel& tunnel,
                                            std::string destination_text) {
    const net::Endpoint remote = tunnel.backend->remote();
    audit::Record record = accepted_record(connection.id, connection.source);
    name_identity(record, tunnel.live.identity());
    record.service = tunnel.live.service();
    const pki::LoginIdentity& login = tunnel.live.identity().login;
    record.rule =
        connection.worker.snapshot->settings.policy.allowed_as(record.service, login.name, login.groups);
    name_program(record, connection.program);
    record.destination_address = std::move(destination_text);
    record.destination_ip = remote.address;
    record.destination_port = remote.port;
    record.backend_local_port = tunnel.backend->local().port;
    auto appended = co_await append(connection.worker, std::move(record));
    if (!appended) {
        co_return Failure{Code::audit_unavailable, appended.error().detail};
    }
    ConnectionEntry entry;
    entry.user = tunnel.live.identity().login.name;
    entry.service = tunnel.live.service();
    entry.backend_ip = remote.address;
    entry.backend_port = remote.port;
    entry.identity = *connection.identity;
    entry.source = connection.source.text();
    entry.opened_at = connection.worker.shared.clock();
    entry.counters = &tunnel.counters;
    connection.worker.shared.directory.opened(connection.id, std::move(entry));
    co_return Result<void>();
}

void log_opened(const ClientConnection& connection, const Tunnel& tunnel) {
    spdlog::info("event=tunnel.opened id={} source={} user={} service={} backend={}", connection.id,
                 connection.source.text(), tunnel.live.identity().login.name, tunnel.live.service(),
                 tunnel.backend->remote().text());
}

/// Forwards as many of the bytes that the client sent after its CONNECT as the socket takes at once, so that
/// the backend processes them while the client gets its answer. A failure is reported by the next write.
void forward_at_once(Tunnel& tunnel, std::string& early) {
    if (early.empty()) {
        return;
    }
    const net::Bytes bytes(reinterpret_cast<const unsigned char*>(early.data()), early.size());
    if (tunnel.session_start) {
        tunnel.session_start->client_said(bytes);
    }
    const auto sent = tunnel.backend->try_write(bytes);
    if (sent) {
        tunnel.counters.a_to_b += *sent;
        early.erase(0, *sent);
    }
}

/// Forwards the rest of these bytes.
boost::asio::awaitable<Result<void>> forward_rest(Tunnel& tunnel, std::string early) {
    if (early.empty()) {
        co_return Result<void>();
    }
    const std::function<void()> cut = [&tunnel] { tunnel.live.cut(Code::backend_timed_out); };
    const net::DeadlineTimer deadline(tunnel.backend->executor(), tunnel.backend_timeout, cut);
    net::Bytes rest(reinterpret_cast<const unsigned char*>(early.data()), early.size());
    // write_all() is not used, because the bytes that were sent count even if the rest cannot be sent.
    while (true) {
        const auto sent = tunnel.backend->try_write(rest);
        if (!sent) {
            co_return sent.error();
        }
        tunnel.counters.a_to_b += *sent;
        rest = rest.subspan(*sent);
        if (rest.empty()) {
            co_return Result<void>();
        }
        auto ready = co_await tunnel.backend->wait_writable();
        if (!ready) {
            co_return ready.error();
        }
    }
}

/// Writes the record connection.closed, exactly once for each connection.accepted.
boost::asio::awaitable<void> conclude(ClientConnection& connection, Tunnel& tunnel, TunnelEnd end) {
    connection.worker.shared.directory.closed(connection.id,
                                              end.closed_by == "gateway" ? end.reason : std::nullopt);
    audit::Record record = closed_record(connection.id, connection.source, end);
    name_identity(record, tunnel.live.identity());
    record.service = tunnel.live.service();
    spdlog::info(
        "event=tunnel.closed id={} user={} service={} closed_by={} reason={} bytes_from_client={} "
        "bytes_from_backend={} duration_ms={}",
        connection.id, tunnel.live.identity().login.name, tunnel.live.service(), end.closed_by,
        end.reason ? name(*end.reason) : "none", end.bytes_from_client, end.bytes_from_backend,
        std::chrono::duration_cast<std::chrono::milliseconds>(end.duration).count());
    audit::Record kept = record;
    const auto appended = co_await append(connection.worker, std::move(record));
    if (!appended) {
        connection.worker.unwritten.push_back(std::move(kept));
    }
}

/// The end of a tunnel that failed before its relay began.
net::RelayEnd broken(net::Side side, const Failure& failure) {
    net::RelayEnd end;
    end.ended_by = side;
    end.failure = failure;
    (side == net::Side::a ? end.a_is_whole : end.b_is_whole) = false;
    return end;
}

/// Answers the client's CONNECT and forwards its first bytes to the backend. Returns the end of the tunnel if
/// that fails.
boost::asio::awaitable<std::optional<net::RelayEnd>> start(ClientConnection& connection, Tunnel& tunnel,
                                                           std::string early) {
    if (!tunnel.live.cut_reason()) {
        forward_at_once(tunnel, early);
    }
    std::string id = connection.id;
    auto answered = co_await http::write_connected(connection.client, std::move(id));
    log_opened(connection, tunnel);
    if (!answered) {
        co_return broken(net::Side::a, answered.error());
    }
    auto forwarded = co_await forward_rest(tunnel, std::move(early));
    if (!forwarded) {
        co_return broken(net::Side::b, forwarded.error());
    }
    co_return std::nullopt;
}

boost::asio::awaitable<net::RelayEnd> relay(ClientConnection& connection, Tunnel& tunnel) {
    net::RelayOptions options;
    options.counters = &tunnel.counters;
    if (tunnel.session_start) {
        options.a_to_b = tunnel.session_start->from_client();
        options.b_to_a = tunnel.session_start->from_backend();
    }
    return net::relay(connection.client, *tunnel.backend, options);
}

/// PostgreSQL reads nothing after a client's Terminate. If the client's close_notify follows unread, closing
/// the socket sends a reset. The client's own end, which follows at once, tells this from the loss of the
/// server.
boost::asio::awaitable<void> note_goodbye(ClientConnection& connection, net::RelayEnd& end) {
    const bool may_be = end.failure && end.failure->code == Code::end_of_stream &&
                        end.ended_by == net::Side::b && end.a_is_whole;
    if (!may_be) {
        co_return;
    }
    const std::function<void()> give_up = [&connection] { connection.client.wake(); };
    const net::DeadlineTimer deadline(connection.client.executor(), kGoodbyeTimeout, give_up);
    unsigned char more = 0;
    const net::Buffer into(&more, 1);
    const auto said = co_await connection.client.read_some(into);
    if (said && *said == 0) {
        end.ended_by = net::Side::a;
        end.failure.reset();
    }
}

/// Authorizes the tunnel by what is in force at this moment, and takes its places. The caller must not wait
/// between this and the construction of the LiveTunnel, so that no change is missed.
Result<Admission> admit(ClientConnection& connection, const std::string& service, bool is_cancel) {
    Worker& worker = connection.worker;
    if (worker.is_draining) {
        return Failure{Code::shutting_down, {}};
    }
    if (auto trusted = check_still_trusted(connection); !trusted) {
        return trusted.error();
    }
    const Identity& identity = **connection.identity;
    auto allowed = authorize(identity, service, worker.shared.now(), worker.revocations.get(),
                             worker.snapshot->settings.policy, worker.snapshot->graces());
    if (!allowed) {
        return allowed.error();
    }
    auto permit = worker.shared.limits.enter(connection.source.address, identity.login.name);
    if (!permit) {
        return permit.error();
    }
    auto place = worker.shared.services.enter(service, identity.login.name, (*allowed)->bounds, is_cancel);
    if (!place) {
        return place.error();
    }
    return Admission{*allowed, std::move(*permit), std::move(*place), worker.snapshot};
}

/// Starts the time limits for the beginning of the session. For protocols other than PostgreSQL there are
/// none, because it is not known who sends first. The bytes of a CancelRequest may be encrypted, so its whole
/// duration is limited, whatever is sent.
void watch_start(ClientConnection& connection, Tunnel& tunnel) {
    if (tunnel.place.is_cancel()) {
        std::function<void()> give_up = [&live = tunnel.live] { live.cut(Code::timed_out); };
        tunnel.end_of_cancel.emplace(connection.client.executor(), tunnel.start_timeout, std::move(give_up));
        return;
    }
    if (tunnel.protocol != Protocol::postgres) {
        tunnel.place.begun();
        return;
    }
    SessionStart::Hooks hooks;
    hooks.give_up = [&live = tunnel.live](Code reason) { live.cut(reason); };
    hooks.on_begun = [&place = tunnel.place] { place.begun(); };
    const StartTimeouts timeout{tunnel.start_timeout, tunnel.backend_timeout};
    tunnel.session_start.emplace(connection.client.executor(), timeout, std::move(hooks));
}

/// Authorizes and opens the tunnel, until the backend is ready and connection.accepted is written. Returns
/// null when the client was refused.
boost::asio::awaitable<TunnelPtr> open_tunnel(ClientConnection& connection, TunnelRequest request) {
    auto admission = admit(connection, request.service, !request.cancel_of.empty());
    if (!admission) {
        Failure failure = admission.error();
        co_await refuse(connection, std::move(failure), std::move(request.service));
        co_return nullptr;
    }
    connection.ticket.leave();
    connection.warm_place.reset();
    connection.identity = connection.worker.shared.sessions.note(*connection.identity);
    auto address = destination(connection, request, *admission->service);
    if (!address) {
        Failure failure = address.error();
        co_await refuse(connection, std::move(failure), std::move(request.service));
        co_return nullptr;
    }
    auto tunnel = std::make_unique<Tunnel>(connection, std::move(*admission), request.service);
    std::string destination_text = address->text();
    auto opened = co_await open_backend(*tunnel, std::move(*address), request.backend_start);
    if (opened) {
        opened = co_await let_in(connection, *tunnel, std::move(destination_text));
    }
    if (!opened) {
        if (tunnel->backend) {
            tunnel->backend->close();
        }
        Failure failure = opened.error();
        co_await refuse(connection, std::move(failure), std::move(request.service));
        co_return nullptr;
    }
    connection.program.reset();
    tunnel->live.owns_client(connection.client);
    if (tunnel->live.cut_reason()) {
        connection.client.close();
    } else {
        watch_start(connection, *tunnel);
    }
    co_return std::move(tunnel);
}

/// Closes the rest of the tunnel and records its end.
boost::asio::awaitable<void> finish(ClientConnection& connection, Tunnel& tunnel, net::RelayEnd relayed) {
    relayed.bytes_a_to_b = tunnel.counters.a_to_b;
    co_await note_goodbye(connection, relayed);
    TunnelEnd end = tunnel_end(relayed, tunnel.live.cut_reason());
    end.duration = steady_clock::now() - tunnel.started_at;
    if (relayed.b_was_told_of_end) {
        tunnel.backend->set_reset_on_close(false);
    }
    tunnel.backend->close();
    // Closing a socket with unread bytes resets the connection, and the client would lose the server's last
    // bytes.
    const bool is_complete = relayed.a_was_told_of_end && relayed.b_was_told_of_end;
    const bool has_last_words = !is_complete && relayed.a_is_whole && !tunnel.live.cut_reason();
    if (!has_last_words) {
        connection.client.close();
    }
    co_await conclude(connection, tunnel, std::move(end));
    if (has_last_words) {
        net::ByteStream& said_to = must_tell_ends(tunnel)
                                       ? static_cast<net::ByteStream&>(connection.client.socket())
                                       : connection.client;
        co_await net::lingering_close(said_to, kCloseTimeout);
    }
}

}  // namespace

/// Each step is a coroutine of its own, so that what it needs is freed before the tunnel is idle.
boost::asio::awaitable<void> serve_tunnel(ClientConnection& connection,
                                          std::unique_ptr<ConnectRequest> asked) {
    const TunnelPtr tunnel = co_await open_tunnel(connection, std::move(asked->request));
    if (!tunnel) {
        co_return;
    }
    auto ended = co_await start(connection, *tunnel, std::move(asked->early));
    asked.reset();
    if (!ended) {
        ended = co_await relay(connection, *tunnel);
    }
    co_await finish(connection, *tunnel, std::move(*ended));
}

}  // namespace postern::gateway
