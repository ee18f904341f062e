#include "client-proxy/control/server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "client-proxy/control/parameters.hpp"
#include "net/await.hpp"

namespace postern::client::control {

namespace asio = boost::asio;

namespace {

using net::kAwait;

bool is_own_user(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

/// Whether the peer has closed the connection completely, and not only its sending side (poll(2) reports
/// POLLHUP).
bool has_hung_up(int fd) {
    pollfd peer{fd, 0, 0};
    return ::poll(&peer, 1, 0) != 0;
}

}  // namespace

Reply refusal_reply(const Refusal& refusal, std::string_view reason) {
    Error error = error_of(refusal);
    if (!reason.empty()) {
        error.data["reason"] = reason;
    }
    return error;
}

struct Server::Client {
    Client(ClientId number, net::PlainStream socket)
        : id(number), stream(std::move(socket)), has_output(stream.executor()) {}

    const ClientId id;
    net::PlainStream stream;
    LineReader lines{kMostRequestBytes};
    std::deque<std::string> output;
    std::size_t output_bytes = 0;
    asio::steady_timer has_output;
    std::size_t requests = 0;
    bool is_subscribed = false;
    /// The client has closed its sending side, but may still wait for answers.
    bool has_asked_all = false;
    bool is_gone = false;
};

Server::Server(net::EventLoops& loops, Methods& methods, ServerBounds bounds)
    : loops_(loops), methods_(methods), bounds_(bounds) {}

void Server::serve(net::Listener listener) {
    listener_ = std::make_unique<net::Listener>(std::move(listener));
    listener_->accept_on(loops_, [this](asio::io_context&, std::size_t, net::PlainStream stream) {
        accept(std::move(stream));
    });
}

void Server::accept(net::PlainStream stream) {
    if (!is_own_user(stream.fd())) {
        return;
    }
    if (clients_.size() >= bounds_.clients) {
        const Refusal full{
            Code::limit_reached,
            fmt::format("{} programs use the agent, which is as many as it takes", bounds_.clients),
            "Wait until some of them have ended.",
            {}};
        const std::string line = error_line(nullptr, error_of(full));
        [[maybe_unused]] const auto told =
            stream.try_write({reinterpret_cast<const unsigned char*>(line.data()), line.size()});
        return;
    }
    auto client = std::make_shared<Client>(++last_id_, std::move(stream));
    clients_.emplace(client->id, client);
    net::spawn(loops_.at(0), "control", read(client));
    net::spawn(loops_.at(0), "control", write(client));
}

asio::awaitable<void> Server::read(ClientPtr client) {
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    for (bool is_good = true; is_good && !client->is_gone;) {
        const auto got = co_await client->stream.read_some(into);
        if (got && *got == 0 && !client->is_gone && !has_hung_up(client->stream.fd())) {
            client->has_asked_all = true;
            client->has_output.cancel();
            co_return;
        }
        if (!got || *got == 0) {
            break;
        }
        is_good = client->lines.feed({reinterpret_cast<const char*>(block.data()), *got});
        while (auto line = client->lines.next()) {
            is_good = is_good && take(client, *line);
        }
        if (!is_good) {
            const Error error{ErrorCode::invalid_request, "the request is too long", nullptr};
            send(client, error_line(nullptr, error));
        }
    }
    leave(client);
}

void Server::leave(const ClientPtr& client) {
    client->is_gone = true;
    client->has_output.cancel();
    if (clients_.erase(client->id) > 0) {
        methods_.gone(client->id);
    }
}

bool Server::take(const ClientPtr& client, const std::string& line) {
    auto read = read_request(line);
    if (auto* bad = std::get_if<BadRequest>(&read)) {
        send(client, error_line(bad->id, bad->error));
    } else if (auto* request = std::get_if<Request>(&read)) {
        if (client->requests >= bounds_.requests_at_once) {
            const Refusal busy{Code::limit_reached, "too many requests at once", "Wait for answers.", {}};
            send(client, error_line(request->id, error_of(busy)));
        } else {
            ++client->requests;
            net::spawn(loops_.at(0), "request", answer(client, std::move(*request)));
        }
    }
    return true;
}

asio::awaitable<void> Server::answer(ClientPtr client, Request request) {
    const nlohmann::json id = request.id;
    Reply reply = Error{ErrorCode::internal, "this should not have happened; see the agent's log", nullptr};
    try {
        auto calling = methods_.call(client->id, std::move(request.method), std::move(request.params));
        reply = co_await std::move(calling);
    } catch (const BadParameter& bad) {
        reply = Error{ErrorCode::invalid_parameters, bad.what(), nullptr};
    } catch (const nlohmann::json::exception&) {
        reply = Error{ErrorCode::invalid_parameters, "a parameter is missing or of the wrong type", nullptr};
    } catch (const std::exception& error) {
        spdlog::error("event=control.exception error={}", quoted(error.what()));
    }
    --client->requests;
    if (const auto* error = std::get_if<Error>(&reply)) {
        send(client, error_line(id, *error));
    } else {
        send(client, result_line(id, std::get<nlohmann::json>(reply)));
    }
}

void Server::send(const ClientPtr& client, std::string line) {
    if (client->is_gone) {
        return;
    }
    client->output_bytes += line.size();
    client->output.push_back(std::move(line));
    if (client->output_bytes > bounds_.unread_bytes) {
        client->is_gone = true;
        client->stream.cancel();
    }
    client->has_output.cancel();
}

asio::awaitable<void> Server::write(ClientPtr client) {
    for (;;) {
        if (client->output.empty()) {
            if (client->is_gone || (client->has_asked_all && client->requests == 0)) {
                break;
            }
            client->has_output.expires_at(asio::steady_timer::time_point::max());
            co_await client->has_output.async_wait(kAwait);
            continue;
        }
        const std::string line = std::move(client->output.front());
        client->output.pop_front();
        const net::Bytes bytes(reinterpret_cast<const unsigned char*>(line.data()), line.size());
        const auto written = co_await client->stream.write_all(bytes);
        client->output_bytes -= line.size();
        if (!written) {
            break;
        }
    }
    leave(client);
    client->stream.close();
}

void Server::subscribe(ClientId client) {
    if (const auto found = clients_.find(client); found != clients_.end()) {
        found->second->is_subscribed = true;
    }
}

std::size_t Server::subscribers() const noexcept {
    return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(),
                                                  [](const auto& one) { return one.second->is_subscribed; }));
}

bool Server::has_unsent() const noexcept {
    return std::any_of(clients_.begin(), clients_.end(),
                       [](const auto& one) { return one.second->output_bytes > 0; });
}

void Server::publish(std::string_view method, const nlohmann::json& params) {
    const std::string line = notification_line(method, params);
    for (const auto& [id, client] : clients_) {
        if (client->is_subscribed) {
            send(client, line);
        }
    }
}

}  // namespace postern::client::control
