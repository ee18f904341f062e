// Quotes text for the programs that read a pasted line after the shell has read it (base/shell_word): libpq
// and URL parsers. Nothing here has side effects.
#pragma once

#include <string>
#include <string_view>

namespace postern::client {

/// Quotes a value of a libpq connection string (PostgreSQL manual, "Keyword/Value Connection Strings").
std::string conninfo_value(std::string_view text);

/// Percent-encodes a part of a URL: everything but the unreserved characters (RFC 3986, section 2.3).
std::string url_part(std::string_view text);

/// Returns the argument of -d with which psql and the other tools use exactly this database. They read a word
/// that contains "=" or begins as a URL as a connection string (PostgreSQL manual, psql, option --dbname), so
/// such a name is put into one.
std::string database_argument(std::string_view database);

}  // namespace postern::client
