#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/child_process.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

/// Whether the password file has lines for localhost. libpq looks up a password by the host name, or by the
/// folder for a socket (PostgreSQL manual, "The Password File"), so such lines are found only through TCP.
bool has_password_for_localhost() {
    const char* const given = std::getenv("PGPASSFILE");
    const char* const home = std::getenv("HOME");
    const std::filesystem::path file = given != nullptr
                                           ? std::filesystem::path(given)
                                           : std::filesystem::path(home != nullptr ? home : "") / ".pgpass";
    const auto text = read_file(file);
    if (!text) {
        return false;
    }
    return text->starts_with("localhost:") || text->find("\nlocalhost:") != text->npos;
}

/// The folder of the Unix socket if the program is to use that, and empty for TCP. The socket is preferred,
/// because no other user can listen in its place.
std::string socket_for(const RunOptions& options, const nlohmann::json& opened) {
    const bool wants_tcp = options.uses_tcp || has_password_for_localhost();
    return wants_tcp ? std::string() : control::text_in(opened, "socket");
}

/// Sets the variables that the program must not take from elsewhere: where to connect, and no TLS, because
/// TLS ends in the agent.
void set_environment(const nlohmann::json& opened, const std::string& socket) {
    const auto user = opened.value("user", std::string());
    const auto database = opened.value("database", std::string());
    const bool may_name_another = opened.value("user_map", false);
    for (const char* variable :
         {"PGSERVICE", "PGSERVICEFILE", "PGREQUIRESSL", "PGREQUIREPEER", "PGREQUIREAUTH", "PGSSLNEGOTIATION",
          // libpq 16 rejects sslmode=disable together with sslrootcert=system or a certificate that it must
          // send.
          "PGSSLROOTCERT", "PGSSLCERTMODE", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR",
          "PGCHANNELBINDING", "PGTARGETSESSIONATTRS"}) {
        ::unsetenv(variable);
    }
    if (socket.empty()) {
        ::setenv("PGHOST", "localhost", 1);
        ::setenv("PGHOSTADDR", "127.0.0.1", 1);
    } else {
        ::setenv("PGHOST", socket.c_str(), 1);
        ::unsetenv("PGHOSTADDR");
    }
    ::setenv("PGPORT", std::to_string(opened["port"].get<int>()).c_str(), 1);
    ::setenv("PGSSLMODE", "disable", 1);
    ::setenv("PGGSSENCMODE", "disable", 1);
    if (!user.empty() && (!may_name_another || std::getenv("PGUSER") == nullptr)) {
        ::setenv("PGUSER", user.c_str(), 1);
    }
    if (!database.empty()) {
        ::setenv("PGDATABASE", database.c_str(), 0);
    }
}

/// psql's exit code when the connection failed (PostgreSQL manual, psql, "Exit Status").
constexpr int kPsqlNotConnected = 2;

/// Whether psql's arguments name a database: by -d, or by the first word that is not an option or the value
/// of one.
bool names_database(const std::vector<std::string>& command) {
    constexpr std::string_view kOptionsWithValue = "cfvLoFPRThpU";
    for (std::size_t i = 1; i < command.size(); ++i) {
        const std::string& word = command[i];
        if (!word.starts_with('-') || word == "-" || word.starts_with("-d") || word.starts_with("--dbname")) {
            return true;
        }
        const bool takes_next = word.size() == 2 && kOptionsWithValue.find(word[1]) != kOptionsWithValue.npos;
        i += takes_next ? 1 : 0;
    }
    return false;
}

}  // namespace

int run_with_service(const RunOptions& options) {
    if (!pki::is_resource_name(options.service)) {
        return fail_usage(fmt::format("'{}' is no service's name", options.service),
                          "See what there is: postern services");
    }
    // The connection to the agent stays open until the program has ended, because the port closes with it.
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    if (!options.files.has_files()) {
        if (auto ready = ensure_login(*agent, options.login); !ready) {
            return fail(ready.error());
        }
    }
    auto parameters = connect_parameters(options.service, options.files);
    parameters["mode"] = "end_to_end";
    parameters["port"] = 0;
    parameters["hold"] = true;
    const auto service = agent->call("connect", parameters);
    if (!service) {
        return fail(service.error());
    }
    const auto& opened = (*service)["opened"];
    set_environment(opened, socket_for(options, opened));
    const int code = run_child(options.command, options.inherited);
    const bool may_lack_database = options.command.front() == "psql" && code == kPsqlNotConnected &&
                                   std::getenv("PGDATABASE") == nullptr && !names_database(options.command);
    if (may_lack_database) {
        std::fputs(fmt::format("hint: without -d psql asks for a database with your name; to name another: postern psql {} -d DATABASE\n",
                               options.service)
                       .c_str(),
                   stderr);
    }
    return code;
}

}  // namespace postern::client
