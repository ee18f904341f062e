// PEM text taken apart (RFC 7468). Encrypted blocks are passed on as they are: nothing here asks for a
// passphrase.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace postern::pki {

struct PemBlock {
    std::string label;
    std::string der;
};

/// The blocks of a text in order, at most `limit`; text outside the markers is passed over. Fails with `code`
/// when there is no block, too many, or one is damaged.
Result<std::vector<PemBlock>> read_pem(std::string_view text, Code code, std::size_t limit);

}  // namespace postern::pki
