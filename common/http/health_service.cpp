#include "http/health_service.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "http/server.hpp"
#include "net/connection_slots.hpp"
#include "net/lingering_close.hpp"
#include "net/pending_connections.hpp"

namespace postern::http {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using namespace std::chrono_literals;

namespace {

/// The most connections of all loops. At the limit, the oldest of the address with the most connections is
/// cut.
constexpr std::size_t kMostConnections = 32;
constexpr auto kTimeout = 5s;

Response refused(Code code, unsigned status, std::string title, std::string hint) {
    Problem problem;
    problem.code = code;
    problem.title = std::move(title);
    problem.hint = std::move(hint);
    Response response = problem_response(problem);
    response.result(status);
    return response;
}

Response readiness(const std::vector<HealthCheck>& checks) {
    nlohmann::json told = nlohmann::json::object();
    for (const HealthCheck& check : checks) {
        told[check.name] = check.fault.empty() ? "ok" : check.fault;
    }
    const bool is_ready = std::all_of(checks.begin(), checks.end(),
                                      [](const HealthCheck& check) { return check.fault.empty(); });
    const nlohmann::json body{{"status", is_ready ? "ready" : "not_ready"}, {"checks", std::move(told)}};
    return json_response(is_ready ? 200 : 503, json_text(body));
}

}  // namespace

struct HealthService::State {
    State(net::EventLoops& its_loops, net::Listener its_listener, Checks its_checks)
        : loops(its_loops), listener(std::move(its_listener)), checks(std::move(its_checks)) {
        const std::size_t each = std::max<std::size_t>(1, kMostConnections / loops.size());
        for (std::size_t i = 0; i < loops.size(); ++i) {
            pending.push_back(std::make_unique<net::PendingConnections>(each));
        }
    }

    Response answer(const Request& request, std::size_t loop) const {
        const auto method = request.method();
        const std::string target(request.target());
        const std::string path = target.substr(0, target.find('?'));
        Response response;
        if (path != "/livez" && path != "/readyz") {
            response = refused(Code::not_found, 404, "There is nothing here.", "Ask for /livez or /readyz.");
        } else if (method != beast_http::verb::get && method != beast_http::verb::head) {
            response = refused(Code::not_found, 405, "Only GET and HEAD are answered here.", "Use GET.");
            response.set(beast_http::field::allow, "GET, HEAD");
        } else if (path == "/livez") {
            response = json_response(200, R"({"status":"ok"})");
        } else {
            response = readiness(checks(loop));
        }
        response.omits_body = method == beast_http::verb::head;
        return response;
    }

    static asio::awaitable<void> serve(std::shared_ptr<State> state, std::size_t loop,
                                       net::PlainStream stream);

    net::EventLoops& loops;
    net::Listener listener;
    const Checks checks;
    /// One for each loop, used on that loop only.
    std::vector<std::unique_ptr<net::PendingConnections>> pending;
};

asio::awaitable<void> HealthService::State::serve(std::shared_ptr<State> state, std::size_t loop,
                                                  net::PlainStream stream) {
    std::string address = net::address_key(stream.remote().address);
    const net::PendingConnections::Ticket ticket =
        state->pending[loop]->enter([&stream] { stream.cancel(); }, std::move(address));
    RequestLimits limits;
    limits.body_bytes = 0;
    limits.head_timeout = kTimeout;
    limits.body_timeout = kTimeout;
    RequestReader reader(stream, limits);
    for (bool stays = true; stays;) {
        Result<Request> request = co_await reader.next(kTimeout);
        // A malformed request gets no answer: this port does not explain errors.
        if (!request) {
            co_return;
        }
        Response response = state->answer(request.value(), loop);
        stays = request.value().keep_alive();
        response.keep_alive(stays);
        const Result<void> written = co_await write_response(stream, std::move(response), kTimeout);
        if (!written) {
            co_return;
        }
    }
    co_await net::lingering_close(stream, 1s);
}

HealthService::HealthService(net::EventLoops& loops, net::Listener listener, Checks checks)
    : state_(std::make_shared<State>(loops, std::move(listener), std::move(checks))) {
    const std::weak_ptr<State> weak = state_;
    state_->listener.accept_on(
        loops, [weak](asio::io_context& loop, std::size_t index, net::PlainStream stream) {
            const std::shared_ptr<State> state = weak.lock();
            if (state != nullptr) {
                net::spawn(loop, "health", State::serve(state, index, std::move(stream)));
            }
        });
}

HealthService::~HealthService() {
    state_->listener.stop();
    for (std::size_t i = 0; i < state_->loops.size(); ++i) {
        asio::post(state_->loops.at(i), [state = state_, i] { state->pending[i]->cut_all(); });
    }
}

unsigned short HealthService::port() const {
    return state_->listener.port();
}

}  // namespace postern::http
