// A table for a terminal: a head, rows, columns as wide as they need to be.
#pragma once

#include <string>
#include <vector>

namespace postern::ca::commands {

/// Prints to standard output. What in a cell is no sign of its own is written out (base/shown_text).
void print_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

}  // namespace postern::ca::commands
