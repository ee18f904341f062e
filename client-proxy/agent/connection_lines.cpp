#include "client-proxy/agent/connection_lines.hpp"

#include <fmt/format.h>

#include "base/shell_word.hpp"
#include "client-proxy/agent/quoting.hpp"

namespace postern::client {

nlohmann::json connection_lines(const ConnectionPlace& place) {
    const bool has_database = !place.database.empty();
    if (place.mode == Mode::end_to_end) {
        const std::string user = shell_word(place.user);
        const std::string option = has_database ? " -d " + shell_word(database_argument(place.database)) : std::string();
        nlohmann::json lines = {
            {"psql", fmt::format("psql -h localhost -p {} -U {}{}", place.port, user, option)},
            {"jdbc", fmt::format("jdbc:postgresql://localhost:{}/{}?user={}", place.port,
                                 url_part(place.database), url_part(place.user))},
            {"dsn", fmt::format("postgresql://{}@localhost:{}/{}", url_part(place.user), place.port,
                                url_part(place.database))},
            {"env", fmt::format("PGHOST=localhost PGPORT={} PGUSER={}{}", place.port, user,
                                has_database ? " PGDATABASE=" + shell_word(place.database) : std::string())},
        };
        if (!place.socket_folder.empty()) {
            // libpq's default port needs no option.
            const std::string port = place.port == 5432 ? "" : fmt::format(" -p {}", place.port);
            lines["socket"] =
                fmt::format("psql -h {}{} -U {}{}", shell_word(place.socket_folder), port, user, option);
        }
        return lines;
    }
    // With "localhost" every server certificate of the server CA that bears that name would be accepted.
    if (place.server_host.empty()) {
        return nullptr;
    }
    const std::string conninfo = fmt::format(
        "host={} hostaddr=127.0.0.1 port={} user={}{} sslmode=verify-full sslrootcert={} sslcert={} "
        "sslkey={}",
        conninfo_value(place.server_host), place.port, conninfo_value(place.user),
        has_database ? " dbname=" + conninfo_value(place.database) : std::string(),
        conninfo_value(place.server_ca_file), conninfo_value(place.certificate_file),
        conninfo_value(place.key_file));
    return {
        {"psql", fmt::format("psql {}", shell_word(conninfo))},
        {"jdbc",
         fmt::format("jdbc:postgresql://{}:{}/{}?user={}&sslmode=verify-full&sslrootcert={}&sslcert={}"
                     "&sslkey={}",
                     place.server_host, place.port, url_part(place.database), url_part(place.user),
                     url_part(place.server_ca_file), url_part(place.certificate_file),
                     url_part(place.key_file))},
        {"dsn", conninfo},
        {"env", fmt::format("PGHOST={} PGHOSTADDR=127.0.0.1 PGPORT={} PGUSER={}{} PGSSLMODE=verify-full "
                            "PGSSLROOTCERT={} PGSSLCERT={} PGSSLKEY={}",
                            shell_word(place.server_host), place.port, shell_word(place.user),
                            has_database ? " PGDATABASE=" + shell_word(place.database) : std::string(),
                            shell_word(place.server_ca_file), shell_word(place.certificate_file),
                            shell_word(place.key_file))},
    };
}

}  // namespace postern::client
