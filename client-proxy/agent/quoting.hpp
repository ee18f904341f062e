// Text for whoever reads a pasted line behind the shell (base/shell_word): libpq, a URL's parser. Pure.
#pragma once

#include <string>
#include <string_view>

namespace postern::client {

/// A value in a libpq connection string (PostgreSQL manual, "Keyword/Value Connection Strings").
std::string conninfo_value(std::string_view text);

/// A part of a URL: everything but unreserved characters is encoded (RFC 3986, section 2.3).
std::string url_part(std::string_view text);

/// What psql and the other tools take after -d for exactly this database. They read a word with "=" in it, or one
/// that begins as a URL, as a connection string (PostgreSQL manual, psql, option --dbname): such a name is put into
/// one.
std::string database_argument(std::string_view database);

}  // namespace postern::client
