// A descriptor read to its end, and no further than a bound: for files, pipes and standard input alike.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace postern {

/// What `fd` gives until its end; blocks where it does. `name` is what failures call it. Code::io_failed, or
/// Code::request_too_large for more than `limit_bytes`: none of it counts then.
Result<std::string> read_to_end(int fd, const std::filesystem::path& name, std::size_t limit_bytes);

}  // namespace postern
