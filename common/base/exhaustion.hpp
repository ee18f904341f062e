// Recognises that this machine has run out of file descriptors or memory. Without them every operation fails,
// and the failure would otherwise look like a fault of the network or of the peer.
#pragma once

#include <optional>

#include "base/result.hpp"

namespace postern {

/// If `error` is an errno of exhaustion (EMFILE, ENFILE, ENOMEM, ENOBUFS), returns Code::out_of_resources
/// with the name of the missing resource and, for EMFILE, the limit. Returns nothing for any other errno.
std::optional<Failure> exhaustion_of(int error);

/// Finds out by opening a file whether file descriptors or memory are exhausted, and returns what
/// exhaustion_of() says about it. For failures of libraries that do not report errno.
std::optional<Failure> descriptors_exhausted();

}  // namespace postern
