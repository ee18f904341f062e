#include "http/https_service.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/field.hpp>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "net/await.hpp"
#include "net/connection_slots.hpp"
#include "net/deadline_timer.hpp"
#include "net/lingering_close.hpp"
#include "net/pending_connections.hpp"

namespace postern::http {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kCloseTimeout = 1s;
/// How long a client that is refused in the middle of a request has to stop sending and read the answer.
/// Closing earlier would reset the connection and destroy the answer.
constexpr auto kStillSendingTimeout = 5s;

/// A connection, as shutdown and eviction see it.
struct Session {
    enum class Phase { handshake, idle, busy };
    Session(net::TlsStream& its, net::ConnectionSlots::Slot its_place, net::FairTurns& all_turns,
            const std::string& address)
        : stream(its), place(std::move(its_place)), turns(all_turns, address) {}
    /// Closes the connection and frees its slot at once.
    void cut() {
        stream.close();
        turns.leave();
        place = net::ConnectionSlots::Slot();
    }
    net::TlsStream& stream;
    net::ConnectionSlots::Slot place;
    /// The turns of an unauthenticated client; one with a certificate has left them.
    net::FairTurns::Member turns;
    /// Set for a client with a certificate.
    std::optional<net::ConnectionSlots::Slot> bearer_place;
    Phase phase = Phase::handshake;
};

/// The state of one loop, used on that loop only.
struct PerLoop {
    PerLoop(asio::io_context& loop, std::size_t pending_bound)
        // One address gets half of them, so that others always find room.
        : pending(pending_bound, std::max<std::size_t>(1, pending_bound / 2)), turns(loop) {}
    net::PendingConnections pending;
    net::FairTurns turns;
    std::list<Session*> sessions;
    bool is_draining = false;
};

/// Keeps a session in its loop's list while it exists.
class Registration {
public:
    Registration(PerLoop& loop, Session& session)
        : loop_(loop), place_(loop.sessions.insert(loop.sessions.end(), &session)) {}
    ~Registration() { loop_.sessions.erase(place_); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

private:
    PerLoop& loop_;
    std::list<Session*>::iterator place_;
};

/// Ends a connection whose client does not wait for an answer.
asio::awaitable<void> say_close_notify(net::TlsStream& stream) {
    const net::DeadlineTimer deadline(stream.executor(), kCloseTimeout, [&stream] { stream.cancel(); });
    co_await stream.shutdown_send();
}

Response answer_of_failure() {
    Problem problem;
    problem.title = "The server failed on this request.";
    problem.hint = "Ask the operator to look for request.exception in the server's log.";
    return problem_response(problem);
}

/// The share of one loop, at least 1.
std::size_t share_of(std::size_t all, std::size_t loops) {
    return std::max<std::size_t>(1, (all + loops - 1) / loops);
}

}  // namespace

struct HttpsService::State {
    State(net::EventLoops& its_loops, net::Listener its_listener, net::TlsContext context,
          HttpsLimits its_limits, Handler its_handler, OnRejected on_rejection)
        : loops(its_loops),
          listener(std::move(its_listener)),
          tls(std::move(context)),
          limits(its_limits),
          handler(std::move(its_handler)),
          on_rejected(std::move(on_rejection)),
          slots(limits.connections, limits.connections_per_address),
          bearers(0, limits.connections_per_bearer) {
        for (std::size_t i = 0; i < loops.size(); ++i) {
            per_loop.push_back(
                std::make_unique<PerLoop>(loops.at(i), share_of(limits.pending, loops.size())));
        }
    }

    net::TlsContext current_tls() {
        const std::lock_guard lock(mutex);
        return tls;
    }
    void enter() {
        const std::lock_guard lock(mutex);
        most_open = std::max(most_open, ++open);
    }
    void leave() {
        const std::lock_guard lock(mutex);
        --open;
        changed.notify_all();
    }
    bool wait_until_empty(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, timeout, [this] { return open == 0; });
    }

    static void end_sessions(const std::shared_ptr<State>& state, bool busy_too);
    static asio::awaitable<void> reject(State& state, RejectedConnection rejected);
    static asio::awaitable<void> cut_oldest(std::shared_ptr<State> state, std::size_t loop_index);
    static asio::awaitable<Result<net::ConnectionSlots::Slot>> take_place(std::shared_ptr<State> state,
                                                                          std::size_t loop_index,
                                                                          std::string address);
    static asio::awaitable<void> serve(std::shared_ptr<State> state, std::size_t loop_index,
                                       net::PlainStream socket);
    static asio::awaitable<void> answer_requests(State& state, PerLoop& loop, Session& session,
                                                 ClientInfo client, net::PendingConnections::Ticket& ticket);
    static asio::awaitable<void> refuse_request(State& state, net::TlsStream& stream, Failure failure);
    static asio::awaitable<Result<Response>> call_handler(State& state, Request request, ClientInfo client);

    net::EventLoops& loops;
    net::Listener listener;
    std::mutex mutex;
    std::condition_variable changed;
    net::TlsContext tls;
    std::size_t open = 0;
    std::size_t most_open = 0;
    const HttpsLimits limits;
    const Handler handler;
    const OnRejected on_rejected;
    net::ConnectionSlots slots;
    /// Counts connections by the name in their certificates.
    net::ConnectionSlots bearers;
    std::vector<std::unique_ptr<PerLoop>> per_loop;
};

namespace {

/// Counts a connection while its coroutine exists.
template <class State>
class Presence {
public:
    explicit Presence(State& state) : state_(state) { state_.enter(); }
    ~Presence() { state_.leave(); }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

private:
    State& state_;
};

}  // namespace

asio::awaitable<void> HttpsService::State::reject(State& state, RejectedConnection rejected) {
    if (!state.on_rejected) {
        co_return;
    }
    try {
        asio::awaitable<void> told = state.on_rejected(std::move(rejected));
        co_await std::move(told);
    } catch (const std::exception& error) {
        spdlog::error("event=rejection.exception error={}", quoted(error.what()));
    }
}

/// Cuts the oldest pending connection of another loop and waits until that is done. It waits on a timer of
/// its own loop, so that the other loop never owns its coroutine frame when both stop.
asio::awaitable<void> HttpsService::State::cut_oldest(std::shared_ptr<State> state, std::size_t loop_index) {
    const auto executor = co_await asio::this_coro::executor;
    const auto done = std::make_shared<asio::steady_timer>(executor, kCloseTimeout);
    const std::weak_ptr<asio::steady_timer> waiting = done;
    asio::post(state->loops.at(loop_index), [state, loop_index, executor, waiting] {
        state->per_loop[loop_index]->pending.cut_oldest();
        asio::post(executor, [waiting] {
            if (const auto timer = waiting.lock()) {
                timer->cancel();
            }
        });
    });
    co_await done->async_wait(net::kAwait);
}

/// Takes a slot for a new connection. When all are taken, the oldest pending connection is cut: of this loop
/// or, if it has none, of another.
asio::awaitable<Result<net::ConnectionSlots::Slot>> HttpsService::State::take_place(
    std::shared_ptr<State> state, std::size_t loop_index, std::string address) {
    Result<net::ConnectionSlots::Slot> slot = state->slots.take(address);
    for (std::size_t i = 0; i < state->loops.size() && !slot; ++i) {
        if (!state->slots.is_full_for(address)) {
            break;
        }
        const std::size_t other = (loop_index + i) % state->loops.size();
        if (other == loop_index) {
            state->per_loop[other]->pending.cut_oldest();
        } else {
            co_await cut_oldest(state, other);
        }
        slot = state->slots.take(address);
    }
    co_return slot;
}

asio::awaitable<void> HttpsService::State::serve(std::shared_ptr<State> state, std::size_t loop_index,
                                                 net::PlainStream socket) {
    const Presence presence(*state);
    PerLoop& loop = *state->per_loop[loop_index];
    net::Endpoint remote = socket.remote();
    const std::string address = net::address_key(remote.address);
    auto taking = take_place(state, loop_index, address);
    Result<net::ConnectionSlots::Slot> slot = co_await std::move(taking);
    if (!slot) {
        socket.close();
        RejectedConnection rejected{std::move(remote), slot.error(), std::nullopt};
        co_await reject(*state, std::move(rejected));
        co_return;
    }
    const net::TlsContext tls = state->current_tls();
    net::TlsStream stream(std::move(socket), tls, net::TlsStream::Role::server);
    Session session(stream, std::move(slot.value()), loop.turns, address);
    const Registration registration(loop, session);
    net::PendingConnections::Ticket ticket = loop.pending.enter([&session] { session.cut(); }, address);
    {
        const net::DeadlineTimer deadline(stream.executor(), state->limits.handshake_timeout,
                                          [&stream] { stream.close(); });
        Result<void> done = co_await stream.handshake(&session.turns);
        if (!done) {
            Failure failure = done.error();
            if (ticket.was_evicted()) {
                failure = Failure{Code::limit_reached, "cut in the handshake to admit a newer connection"};
            } else if (deadline.has_passed() && failure.code == Code::cancelled) {
                failure = Failure{Code::timed_out, "the handshake took too long"};
            }
            const bool was_silent = !stream.has_heard() && failure.code != Code::limit_reached;
            RejectedConnection rejected{std::move(remote), std::move(failure), stream.rejected_certificate(),
                                        false, was_silent};
            ticket.leave();
            session.cut();
            co_await reject(*state, std::move(rejected));
            co_return;
        }
    }
    ClientInfo client{std::move(remote), stream.peer()};
    const net::TlsPeer& peer = client.peer;
    if (peer.certificate || peer.server_certificate) {
        // A client beyond its number of connections is treated as unauthenticated. The prefix is unambiguous,
        // because a login name contains no slash.
        const std::string bearer = peer.certificate ? peer.certificate->common_name()
                                                    : "server/" + peer.server_certificate->common_name();
        auto place = state->bearers.take(bearer);
        if (place) {
            session.bearer_place.emplace(std::move(*place));
            session.turns.leave();
        }
    }
    co_await answer_requests(*state, loop, session, std::move(client), ticket);
    stream.close();
}

asio::awaitable<void> HttpsService::State::answer_requests(State& state, PerLoop& loop, Session& session,
                                                           ClientInfo client,
                                                           net::PendingConnections::Ticket& ticket) {
    RequestReader reader(session.stream, state.limits.request);
    std::chrono::milliseconds timeout = state.limits.request.head_timeout;
    bool has_asked = false;
    for (;;) {
        session.phase = Session::Phase::idle;
        if (loop.is_draining) {
            co_await say_close_notify(session.stream);
            co_return;
        }
        Result<Request> request = co_await reader.next(timeout);
        session.phase = Session::Phase::busy;
        if (!request) {
            Failure failure = request.error();
            if (ticket.was_evicted()) {
                failure =
                    Failure{Code::limit_reached, "cut before its first request to admit a newer connection"};
            }
            // A client that has made a request before may close, or time out, without being reported.
            const bool is_quiet_end = failure.code == Code::end_of_stream || loop.is_draining ||
                                      (has_asked && reader.is_between_requests());
            if (!is_quiet_end) {
                RejectedConnection rejected{client.remote, failure, client.peer.certificate, true};
                co_await reject(state, std::move(rejected));
            }
            if (reader.is_between_requests()) {
                // The client does not wait for an answer: it has closed, was too slow to send a request, or
                // this server is shutting down.
                if (failure.code != Code::limit_reached) {
                    co_await say_close_notify(session.stream);
                }
                co_return;
            }
            co_await refuse_request(state, session.stream, std::move(failure));
            co_return;
        }
        co_await session.turns.next();
        if (ticket.was_evicted()) {
            Failure failure{Code::limit_reached,
                            "cut before its request was looked at, for a newer connection"};
            RejectedConnection rejected{client.remote, std::move(failure), client.peer.certificate, true};
            co_await reject(state, std::move(rejected));
            co_return;
        }
        ticket.leave();
        has_asked = true;
        timeout = state.limits.request.idle_timeout;
        const bool wants_more = request.value().keep_alive();
        Request asked = std::move(request.value());
        ClientInfo asker = client;
        Result<Response> handled = co_await call_handler(state, std::move(asked), std::move(asker));
        if (!handled) {
            RejectedConnection rejected{client.remote, handled.error(), client.peer.certificate, true};
            co_await reject(state, std::move(rejected));
            handled = answer_of_failure();
        }
        Response response = std::move(handled.value());
        if (!session.bearer_place) {
            // An unauthenticated client is pending again once its request is handled: it may be cut for a new
            // connection while it does not read the answer and while it sends no further request.
            ticket =
                loop.pending.enter([&session] { session.cut(); }, net::address_key(client.remote.address));
        }
        const bool stays = wants_more && !loop.is_draining;
        response.keep_alive(stays);
        const Result<void> written =
            co_await write_response(session.stream, std::move(response), state.limits.answer_timeout);
        if (!written) {
            co_return;
        }
        if (!stays) {
            break;
        }
    }
    co_await net::drain_to_end(session.stream, kCloseTimeout);
}

/// Answers a request that was malformed, too large or too slow.
asio::awaitable<void> HttpsService::State::refuse_request(State& state, net::TlsStream& stream,
                                                          Failure failure) {
    Problem problem;
    problem.code = failure.code;
    switch (failure.code) {
        case Code::malformed_request:
            problem.title = "The request is not one that this server can read.";
            break;
        case Code::request_too_large:
            problem.title = "The request is larger than this server takes.";
            break;
        case Code::timed_out:
            problem.title = "The request did not arrive in time.";
            break;
        default:
            break;
    }
    if (!problem.title.empty()) {
        Response response = problem_response(problem);
        response.keep_alive(false);
        const Result<void> written =
            co_await write_response(stream, std::move(response), state.limits.answer_timeout);
        if (!written) {
            co_return;
        }
    }
    if (failure.code == Code::limit_reached) {
        co_return;
    }
    const bool is_still_sending = failure.code == Code::request_too_large;
    co_await net::drain_to_end(stream, is_still_sending ? kStillSendingTimeout : kCloseTimeout);
}

asio::awaitable<Result<Response>> HttpsService::State::call_handler(State& state, Request request,
                                                                    ClientInfo client) {
    std::string what;
    try {
        asio::awaitable<Response> answer = state.handler(std::move(request), std::move(client));
        Response response = co_await std::move(answer);
        co_return response;
    } catch (const std::exception& error) {
        what = error.what();
    }
    spdlog::error("event=request.exception error={}", postern::quoted(what));
    co_return Failure{Code::internal, std::move(what)};
}

void HttpsService::State::end_sessions(const std::shared_ptr<State>& state, bool busy_too) {
    for (std::size_t i = 0; i < state->loops.size(); ++i) {
        asio::post(state->loops.at(i), [state, i, busy_too] {
            PerLoop& loop = *state->per_loop[i];
            loop.is_draining = true;
            for (Session* session : loop.sessions) {
                if (busy_too || session->phase == Session::Phase::handshake) {
                    session->stream.close();
                } else if (session->phase == Session::Phase::idle) {
                    session->stream.wake();
                }
            }
        });
    }
}

HttpsService::HttpsService(net::EventLoops& loops, net::Listener listener, net::TlsContext tls,
                           HttpsLimits limits, Handler handler, OnRejected on_rejected)
    : state_(std::make_shared<State>(loops, std::move(listener), std::move(tls), limits, std::move(handler),
                                     std::move(on_rejected))) {
    const std::weak_ptr<State> weak = state_;
    state_->listener.accept_on(
        loops, [weak](asio::io_context& loop, std::size_t index, net::PlainStream stream) {
            const std::shared_ptr<State> state = weak.lock();
            if (state != nullptr) {
                net::spawn(loop, "https", State::serve(state, index, std::move(stream)));
            }
        });
}

HttpsService::~HttpsService() {
    state_->listener.stop();
    State::end_sessions(state_, true);
}

unsigned short HttpsService::port() const {
    return state_->listener.port();
}

void HttpsService::set_tls(net::TlsContext tls) {
    const std::lock_guard lock(state_->mutex);
    state_->tls = std::move(tls);
}

std::size_t HttpsService::connections() const {
    const std::lock_guard lock(state_->mutex);
    return state_->open;
}

std::size_t HttpsService::take_most_connections() {
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->most_open, state_->open);
}

bool HttpsService::drain(std::chrono::milliseconds timeout) {
    state_->listener.stop();
    State::end_sessions(state_, false);
    if (state_->wait_until_empty(timeout)) {
        return true;
    }
    State::end_sessions(state_, true);
    state_->wait_until_empty(1s);
    return false;
}

}  // namespace postern::http
