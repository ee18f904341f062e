// A table for a terminal: a head, rows, columns as wide as they need to be.
#pragma once

#include <string>
#include <vector>

namespace postern::ca::commands {

/// Prints to standard output. Control and other invisible characters in a cell are escaped
/// (base/shown_text.hpp).
void print_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

}  // namespace postern::ca::commands
