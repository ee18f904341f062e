#include "base/hex.hpp"

#include <iterator>

#include <boost/algorithm/hex.hpp>

namespace postern {

std::string to_hex(std::span<const unsigned char> bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    boost::algorithm::hex_lower(bytes.begin(), bytes.end(), std::back_inserter(text));
    return text;
}

Result<std::vector<unsigned char>> from_hex(std::string_view text) {
    std::vector<unsigned char> bytes;
    bytes.reserve(text.size() / 2);
    try {
        boost::algorithm::unhex(text.begin(), text.end(), std::back_inserter(bytes));
    } catch (const boost::algorithm::hex_decode_error&) {
        return Failure{Code::malformed_request, "not hexadecimal"};
    }
    return bytes;
}

}  // namespace postern
