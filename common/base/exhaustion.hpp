// What this machine has run out of, told as such: without descriptors or memory everything fails, and what
// fails looks like the network's fault, or the peer's.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace postern {

/// Code::out_of_resources for the errno of having none left (EMFILE, ENFILE, ENOMEM, ENOBUFS), with what it
/// is that is missing and the limit; nothing for any other.
std::optional<Failure> exhaustion_of(int error);

/// The same, found out by trying to open something: for failures whose library does not tell.
std::optional<Failure> descriptors_exhausted();

}  // namespace postern
