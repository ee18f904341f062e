// Splits PEM text into blocks (RFC 7468). Encrypted blocks are returned as they are: nothing here asks for a
// passphrase.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern::pki {

/// One block, decoded from base64.
struct PemBlock {
    std::string label;
    std::string der;
};

/// Returns the blocks of a text in order, at most `limit`; text outside of the markers is skipped. Fails with
/// `code` when there is no block, too many, or a damaged one.
Result<std::vector<PemBlock>> read_pem(std::string_view text, Code code, std::size_t limit);

}  // namespace postern::pki
