#include "gateway/commands/admin_commands.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "base/result.hpp"
#include "base/shell_word.hpp"
#include "base/shown_text.hpp"
#include "base/trusted_path.hpp"
#include "base/unique_fd.hpp"
#include "gateway/commands/cli_error.hpp"
#include "gateway/policy/settings.hpp"
#include "http/problem.hpp"
#include "pki/identity.hpp"

namespace postern::gateway {

namespace {

using Json = nlohmann::json;

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kNotConfigured = 3;
constexpr int kDenied = 4;
constexpr int kUnreachable = 5;
constexpr std::size_t kLongestAnswer = 64U << 20;

/// Why a command failed: the exit code, what happened and why, and what to do next.
struct Trouble {
    int exit_code = kFailed;
    std::string message;
    std::string hint;
};

template <class T>
using Answer = boost::system::result<T, Trouble>;

[[maybe_unused]] [[noreturn]] void throw_exception_from_error(const Trouble& trouble,
                                                              const boost::source_location&) {
    throw std::logic_error("value of a trouble: " + trouble.message);
}

int give_up(std::string_view what, const Trouble& trouble) {
    print_error(what, trouble.message, trouble.hint);
    return trouble.exit_code;
}

Answer<std::filesystem::path> socket_of(const std::filesystem::path& config) {
    const auto settings = Settings::load(config);
    if (!settings) {
        return Trouble{kNotConfigured, settings.error().detail,
                       "name the running gateway's configuration with --config"};
    }
    if (!settings->admin_socket) {
        return Trouble{
            kNotConfigured, fmt::format("{} names no admin_socket", config.string()),
            "set admin_socket in [gateway], for example \"/run/postern-gateway/admin.sock\", and restart the "
            "gateway"};
    }
    return *settings->admin_socket;
}

Trouble no_connection(const std::filesystem::path& path, int error) {
    const std::string message = fmt::format("{}: {}", path.string(), std::strerror(error));
    if (error == EACCES || error == EPERM) {
        return Trouble{kDenied, message, "only root and the gateway's own user may: try again with sudo"};
    }
    return Trouble{kUnreachable, message, "see that the gateway runs: systemctl status postern-gateway"};
}

/// Opens the socket itself, with O_PATH, and no symbolic link. Its folder belongs to the gateway's user, who
/// must not be able to lead root to another program's socket.
Answer<UniqueFd> find_socket(const std::filesystem::path& path, uid_t& owner) {
    const auto folder = open_folder(path.parent_path());
    if (!folder) {
        return folder.error().code == Code::not_found ? no_connection(path, ENOENT)
                                                      : Trouble{kDenied, folder.error().detail, {}};
    }
    UniqueFd found(::openat(folder->get(), path.filename().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!found || ::fstat(found.get(), &info) != 0) {
        return no_connection(path, errno);
    }
    if (!S_ISSOCK(info.st_mode)) {
        return Trouble{kDenied, fmt::format("{} is no socket", path.string()),
                       "see what is there; a gateway that starts makes its socket anew"};
    }
    owner = info.st_uid;
    return found;
}

/// Connects to the socket, and checks that root or the owner of the socket file answers.
Answer<UniqueFd> connect(const std::filesystem::path& path) {
    uid_t owner = 0;
    const auto found = find_socket(path, owner);
    if (!found) {
        return found.error();
    }
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    fmt::format_to_n(name.sun_path, sizeof name.sun_path - 1, "/proc/self/fd/{}", found->get());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return no_connection(path, errno);
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != 0 && peer.uid != owner)) {
        return Trouble{kDenied,
                       fmt::format("{}: uid {} answers, but the socket is that of uid {}", path.string(),
                                   peer.uid, owner),
                       "see who listens there: ss -xlp"};
    }
    return fd;
}

/// Sends one request and returns the body of the answer, which ends when the gateway closes the connection.
Answer<Json> ask(const std::filesystem::path& config, std::string_view request_line) {
    const auto path = socket_of(config);
    if (!path) {
        return path.error();
    }
    const auto fd = connect(*path);
    if (!fd) {
        return fd.error();
    }
    std::string request = fmt::format("{} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n", request_line);
    const char* const sudo_user = std::getenv("SUDO_USER");
    // A login name needs no escaping. A value with a line break is not passed on.
    if (sudo_user != nullptr && std::string_view(sudo_user).find_first_of("\r\n") == std::string_view::npos) {
        request += fmt::format("Postern-Sudo-User: {}\r\n", sudo_user);
    }
    request += "\r\n";
    std::string answer;
    bool is_good = ::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL) ==
                   static_cast<ssize_t>(request.size());
    for (char block[16 * 1024]; is_good;) {
        const ssize_t got = ::recv(fd->get(), block, sizeof block, 0);
        if (got == 0) {
            break;
        }
        is_good = got > 0 && answer.size() < kLongestAnswer;
        answer.append(block, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    const auto body_at = answer.find("\r\n\r\n");
    if (!is_good || body_at == std::string::npos) {
        return Trouble{kUnreachable, fmt::format("{}: the gateway did not answer", path->string()),
                       "see its log: journalctl -u postern-gateway"};
    }
    const std::string body = answer.substr(body_at + 4);
    if (answer.starts_with("HTTP/1.1 200")) {
        Json document = Json::parse(body, nullptr, false);
        if (document.is_object()) {
            // Json can be built from anything, so the kind of the result must be given.
            return Answer<Json>(boost::system::in_place_value, std::move(document));
        }
    }
    const auto problem = http::problem_from_json(body);
    if (!problem) {
        return Trouble{kFailed, "the answer makes no sense", "is another program listening there?"};
    }
    return Trouble{problem->code == Code::policy_denied ? kDenied : kFailed, shown(problem->title),
                   problem->hint};
}

/// Returns a member of an object, or null. The gateway that answers may be compromised, so the answer may
/// have any form; the next functions return an empty value for a member of another type.
const Json* member_of(const Json& session, const char* key) {
    const auto found = session.is_object() ? session.find(key) : session.end();
    return found == session.end() ? nullptr : &*found;
}

std::string text_of(const Json& session, const char* key) {
    const Json* const found = member_of(session, key);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const Json& session, const char* key) {
    const Json* const found = member_of(session, key);
    return found != nullptr && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Json list_of(const Json& answer, const char* key) {
    const Json* const found = member_of(answer, key);
    return found != nullptr && found->is_array() ? *found : Json::array();
}

/// Turns "2026-11-22T12:30:00.000000Z" into "2026-11-22 12:30:00".
std::string short_time(std::string time) {
    time.resize(std::min<std::size_t>(time.size(), 19));
    if (time.size() > 10) {
        time[10] = ' ';
    }
    return time;
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::string_view kUnits = "KMGTP";
    if (bytes < 1024) {
        return fmt::format("{} B", bytes);
    }
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}iB", value, kUnits[unit]);
}

void print_table(const Json& sessions) {
    say("{:<36}  {:<16} {:<16} {:<22} {:<19}  {:>10} {:>10}\n", "ID", "USER", "SERVICE", "FROM",
        "SINCE (UTC)", "SENT", "RECEIVED");
    for (const Json& session : sessions) {
        say("{:<36}  {:<16} {:<16} {:<22} {:<19}  {:>10} {:>10}\n", text_of(session, "id"),
            text_of(session, "user"), text_of(session, "service"), text_of(session, "source"),
            short_time(text_of(session, "opened_at")), size_text(number_of(session, "bytes_from_client")),
            size_text(number_of(session, "bytes_from_backend")));
    }
}

}  // namespace

int sessions_command(const std::filesystem::path& config, const SessionsQuery& query) {
    const auto answer = ask(config, "GET /v1/sessions");
    if (!answer) {
        return give_up("cannot list the connections", answer.error());
    }
    Json chosen = Json::array();
    for (const Json& session : list_of(*answer, "sessions")) {
        const bool is_wanted = (query.user.empty() || text_of(session, "user") == query.user) &&
                               (query.service.empty() || text_of(session, "service") == query.service);
        if (is_wanted) {
            chosen.push_back(session);
        }
    }
    if (query.is_json) {
        say_json(chosen, 2);
    } else if (chosen.empty()) {
        say("Nobody is connected{}.\n",
            query.user.empty() && query.service.empty() ? "" : " whom this asks for");
    } else {
        print_table(chosen);
    }
    return 0;
}

int kill_command(const std::filesystem::path& config, const std::string& id, bool is_json) {
    const bool is_id = !id.empty() && id.size() <= 64 &&
                       id.find_first_not_of("0123456789abcdefABCDEF-") == std::string::npos;
    if (!is_id) {
        return give_up("cannot end the connection",
                       Trouble{kFailed, fmt::format("'{}' is no connection id", id),
                               "see who is in with: postern-gateway sessions"});
    }
    const auto answer = ask(config, fmt::format("DELETE /v1/sessions/{}", id));
    if (!answer) {
        return give_up("cannot end the connection", answer.error());
    }
    const Json killed = answer->value("killed", Json::object());
    if (is_json) {
        say_json(killed, 2);
        return 0;
    }
    const std::string user = text_of(killed, "user");
    say("Ended the connection of {} to {} ({}). {} may connect again; to keep somebody out: postern-ca user "
        "disable {}\n",
        user, text_of(killed, "service"), id, user, shell_word(user));
    return 0;
}

int kill_all_command(const std::filesystem::path& config, const SessionsQuery& query) {
    constexpr std::string_view kWhat = "cannot end the connections";
    if (query.user.empty() && query.service.empty()) {
        return give_up(kWhat, Trouble{kWrongUsage, "nothing says which",
                                      "name a connection's id, or --user, or --service, or both"});
    }
    if (!query.user.empty() && !pki::is_login_name(query.user)) {
        return give_up(kWhat, Trouble{kWrongUsage, fmt::format("'{}' is no login name", query.user),
                                      "see who is in with: postern-gateway sessions"});
    }
    if (!query.service.empty() && !pki::is_resource_name(query.service)) {
        return give_up(kWhat, Trouble{kWrongUsage, fmt::format("'{}' is no service's name", query.service),
                                      "see who is in with: postern-gateway sessions"});
    }
    std::string filter = query.user.empty() ? std::string() : "user=" + query.user;
    if (!query.service.empty()) {
        filter += (filter.empty() ? "service=" : "&service=") + query.service;
    }
    const auto answer = ask(config, fmt::format("DELETE /v1/sessions?{}", filter));
    if (!answer) {
        return give_up(kWhat, answer.error());
    }
    const Json killed = list_of(*answer, "killed");
    if (query.is_json) {
        say_json(killed, 2);
        return 0;
    }
    if (killed.empty()) {
        say("Nobody was connected whom this means.\n");
        return 0;
    }
    print_table(killed);
    say("Ended {} connection{}. They may connect again; to keep somebody out: postern-ca user disable {}\n",
        killed.size(), killed.size() == 1 ? "" : "s", query.user.empty() ? "NAME" : shell_word(query.user));
    return 0;
}

}  // namespace postern::gateway
