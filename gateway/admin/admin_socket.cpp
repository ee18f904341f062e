#include "gateway/admin/admin_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/beast/http/verb.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/trusted_path.hpp"
#include "base/unique_fd.hpp"
#include "http/server.hpp"
#include "net/lingering_close.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

struct AdminSocket::Desk {
    Desk(Shared& its_shared, std::string its_gateway, Kill its_kill)
        : shared(its_shared), gateway(std::move(its_gateway)), kill(std::move(its_kill)) {}

    Shared& shared;
    std::string gateway;
    Kill kill;
    std::atomic<int> visitors = 0;
};

namespace {

constexpr std::chrono::seconds kTimeout{5};
/// The most connections at a time. Its users are trusted; the bound only keeps a broken script from using up
/// the gateway's file descriptors.
constexpr int kMostVisitors = 16;
constexpr std::string_view kSessions = "/v1/sessions";
/// The header field in which `postern-gateway kill` passes on who called sudo.
constexpr const char* kSudoUser = "Postern-Sudo-User";

http::Response problem(Code code, std::string title, std::string hint = {}) {
    return http::problem_response(http::Problem{code, std::move(title), std::move(hint), {}});
}

nlohmann::json session_of(const OpenConnection& open) {
    const ConnectionEntry& entry = open.entry;
    nlohmann::json session{{"id", open.id},
                           {"user", entry.user},
                           {"service", entry.service},
                           {"source", entry.source},
                           {"opened_at", format_time(entry.opened_at)},
                           {"bytes_from_client", open.bytes_from_client},
                           {"bytes_from_backend", open.bytes_from_backend}};
    session["backend"] = net::Endpoint{entry.backend_ip, entry.backend_port}.text();
    if (entry.identity != nullptr) {
        const pki::LoginIdentity& login = entry.identity->login;
        session["groups"] = login.groups;
        session["login_session"] = login.session_id;
        session["certificate"] = {{"serial", login.serial}, {"not_after", format_time(login.not_after)}};
    }
    return session;
}

http::Response list(const Shared& shared, const std::string& gateway) {
    std::vector<OpenConnection> all = shared.directory.all_open();
    std::sort(all.begin(), all.end(), [](const OpenConnection& a, const OpenConnection& b) {
        return std::tie(a.entry.opened_at, a.id) < std::tie(b.entry.opened_at, b.id);
    });
    auto sessions = nlohmann::json::array();
    for (const OpenConnection& open : all) {
        sessions.push_back(session_of(open));
    }
    const nlohmann::json document{{"gateway", gateway}, {"sessions", std::move(sessions)}};
    return http::json_response(200, json_text(document));
}

/// Makes the record of a cut. It names who asked for it: the process as the kernel reports it, and the user
/// that sudo names.
audit::Record kill_record(const OpenConnection& open, const ucred& peer, std::string_view sudo_user) {
    audit::Record record;
    record.action = "admin.connection_killed";
    record.message = "An administrator ended this connection.";
    record.connection_id = open.id;
    record.user = open.entry.user;
    record.service = open.entry.service;
    if (open.entry.identity != nullptr) {
        record.session_id = open.entry.identity->login.session_id;
        record.certificate_serial = open.entry.identity->login.serial;
    }
    record.claims = {{"uid", peer.uid}, {"pid", peer.pid}};
    // Any other uid is the gateway's own. Its name is not looked up, because that may wait for a directory
    // service.
    if (peer.uid == 0) {
        record.claims["account"] = "root";
    }
    if (!sudo_user.empty()) {
        record.claims["sudo_user"] = sudo_user;
    }
    return record;
}

/// Ends one connection, after its audit record is written: nobody is cut without a record.
boost::asio::awaitable<http::Response> kill(Shared& shared, const AdminSocket::Kill& cut, std::string id,
                                            ucred peer, std::string sudo_user) {
    const std::optional<OpenConnection> open = shared.directory.find_open(id);
    if (!open) {
        co_return problem(Code::not_found, "There is no live connection with this id.",
                          "See who is in with: postern-gateway sessions");
    }
    audit::Record record = kill_record(*open, peer, sudo_user);
    const auto appended = co_await shared.audit.async_append(std::move(record));
    if (!appended) {
        spdlog::error("event=audit.not_written id={} action=admin.connection_killed detail={}", id,
                      quoted(appended.error().detail, 512));
        co_return problem(Code::audit_unavailable,
                          "The audit log cannot be written, so the connection was not ended.",
                          "See that the folder of [audit] file can be written.");
    }
    spdlog::info("event=admin.connection_killed id={} user={} service={} by_uid={}", id, open->entry.user,
                 open->entry.service, peer.uid);
    const Selection selection{id, {}, {}};
    cut(selection);
    const nlohmann::json document{{"killed", session_of(*open)}};
    co_return http::json_response(200, json_text(document));
}

/// Parses "user=NAME&service=NAME", in any order, or one of the two; the names need no escapes. Returns
/// nothing for anything else, so that a misspelt filter does not select everybody.
std::optional<Selection> parse_selection(std::string_view query) {
    Selection selection;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.starts_with("user=") && selection.user.empty()) {
            selection.user = part.substr(5);
            if (!pki::is_login_name(selection.user)) {
                return std::nullopt;
            }
        } else if (part.starts_with("service=") && selection.service.empty()) {
            selection.service = part.substr(8);
            if (!pki::is_resource_name(selection.service)) {
                return std::nullopt;
            }
        } else {
            return std::nullopt;
        }
    }
    return selection.user.empty() && selection.service.empty() ? std::nullopt : std::optional(selection);
}

/// Ends the selected connections, each after its audit record is written. Tunnels that are still being opened
/// get no such record; the record of their refusal has the reason `killed`.
boost::asio::awaitable<http::Response> kill_all(Shared& shared, const AdminSocket::Kill& cut,
                                                Selection selection, ucred peer, std::string sudo_user) {
    auto killed = nlohmann::json::array();
    for (const OpenConnection& open : shared.directory.all_open()) {
        if (!selection.fits(open.id, open.entry.user, open.entry.service)) {
            continue;
        }
        audit::Record record = kill_record(open, peer, sudo_user);
        const auto appended = co_await shared.audit.async_append(std::move(record));
        if (!appended) {
            spdlog::error("event=audit.not_written id={} action=admin.connection_killed detail={}", open.id,
                          quoted(appended.error().detail, 512));
            std::string title = fmt::format("The audit log cannot be written: {} connections were ended, the others not.",
                                            killed.size());
            co_return problem(Code::audit_unavailable, std::move(title),
                              "See that the folder of [audit] file can be written.");
        }
        const Selection one{open.id, {}, {}};
        cut(one);
        killed.push_back(session_of(open));
    }
    spdlog::info("event=admin.connections_killed user={} service={} count={} by_uid={}",
                 selection.user.empty() ? "-" : selection.user,
                 selection.service.empty() ? "-" : selection.service, killed.size(), peer.uid);
    cut(selection);
    const nlohmann::json document{{"killed", std::move(killed)}};
    co_return http::json_response(200, json_text(document));
}

boost::asio::awaitable<http::Response> answer(Shared& shared, const std::string& gateway,
                                              const AdminSocket::Kill& cut, const http::Request& request,
                                              ucred peer) {
    if (peer.uid != 0 && peer.uid != ::geteuid()) {
        spdlog::warn("event=admin.refused uid={} pid={}", peer.uid, peer.pid);
        co_return problem(Code::policy_denied, "Only root and the gateway's own user may ask here.");
    }
    using boost::beast::http::verb;
    const std::string_view target(request.target().data(), request.target().size());
    if (target == kSessions && request.method() == verb::get) {
        co_return list(shared, gateway);
    }
    if (target.starts_with(kSessions) && target.size() > kSessions.size() + 1 &&
        target[kSessions.size()] == '/' && request.method() == verb::delete_) {
        std::string id(target.substr(kSessions.size() + 1));
        const auto claimed = request[kSudoUser];
        std::string sudo_user(claimed.data(), claimed.size());
        co_return co_await kill(shared, cut, std::move(id), peer, std::move(sudo_user));
    }
    if (target.starts_with(kSessions) && target.substr(kSessions.size()).starts_with('?') &&
        request.method() == verb::delete_) {
        std::optional<Selection> selection = parse_selection(target.substr(kSessions.size() + 1));
        if (!selection) {
            co_return problem(Code::malformed_request, "The request does not say whose connections to end.",
                              "Ask with DELETE /v1/sessions?user=NAME, ?service=NAME, or both with & between them.");
        }
        const auto claimed = request[kSudoUser];
        std::string sudo_user(claimed.data(), claimed.size());
        co_return co_await kill_all(shared, cut, std::move(*selection), peer, std::move(sudo_user));
    }
    co_return problem(Code::not_found, "There is no such thing here.",
                      "Known are GET /v1/sessions, DELETE /v1/sessions/<id> and DELETE /v1/sessions?user=NAME.");
}

/// Counts a visitor as long as it lives.
class Place {
public:
    explicit Place(std::atomic<int>& visitors) : visitors_(visitors) { ++visitors_; }
    ~Place() { --visitors_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    std::atomic<int>& visitors_;
};

/// Serves one connection to the socket, which carries one request.
boost::asio::awaitable<void> attend(std::shared_ptr<AdminSocket::Desk> desk, net::PlainStream stream) {
    const Place place(desk->visitors);
    ucred peer{};
    socklen_t size = sizeof peer;
    const bool is_known = ::getsockopt(stream.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    if (!is_known || desk->visitors > kMostVisitors) {
        co_return;
    }
    http::RequestLimits limits;
    limits.body_bytes = 0;
    limits.head_timeout = kTimeout;
    http::RequestReader reader(stream, limits);
    auto request = co_await reader.next(kTimeout);
    if (request) {
        http::Response response = co_await answer(desk->shared, desk->gateway, desk->kill, *request, peer);
        response.keep_alive(false);
        const auto written = co_await http::write_response(stream, std::move(response), kTimeout);
        if (written) {
            co_await net::lingering_close(stream, std::chrono::seconds(1));
        }
    }
}

/// Returns whether a process listens on the socket; its file remains when a process is killed.
bool is_listened_on(const std::filesystem::path& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof name.sun_path) {
        return false;
    }
    std::memcpy(name.sun_path, path.c_str(), path.native().size());
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return !probe || ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 ||
           errno != ECONNREFUSED;
}

}  // namespace

Result<AdminSocket> AdminSocket::bind(const std::filesystem::path& path) {
    if (auto checked = check_only_root_decides(path.parent_path()); !checked) {
        return with_context("[gateway] admin_socket", checked.error());
    }
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == ::geteuid() &&
        !is_listened_on(path)) {
        ::unlink(path.c_str());
    }
    auto listener = net::Listener::bind(net::Address{path.string(), {}, true});
    if (!listener) {
        return with_context("[gateway] admin_socket", listener.error());
    }
    return AdminSocket(std::move(*listener));
}

void AdminSocket::serve(net::EventLoops& loops, Shared& shared, std::string gateway, Kill kill) {
    desk_ = std::make_shared<Desk>(shared, std::move(gateway), std::move(kill));
    listener_.accept_on(loops,
                        [desk = desk_](boost::asio::io_context& loop, std::size_t, net::PlainStream stream) {
                            net::spawn(loop, "admin", attend(desk, std::move(stream)));
                        });
}

}  // namespace postern::gateway
