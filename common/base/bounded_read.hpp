// Reads a file descriptor (a file, a pipe, standard input) to its end, but no further than a bound.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace postern {

/// Reads `fd` to its end and returns what it read. Blocks as read(2) does. `name` is what error messages call
/// the source. Fails with Code::io_failed, or with Code::request_too_large when there are more than
/// `limit_bytes`; what was read is then discarded.
Result<std::string> read_to_end(int fd, const std::filesystem::path& name, std::size_t limit_bytes);

}  // namespace postern
