#include "http/percent_encoding.hpp"

#include <boost/url/pct_string_view.hpp>

namespace postern::http {

std::optional<std::string> percent_decoded(std::string_view text) {
    const auto encoded = boost::urls::make_pct_string_view({text.data(), text.size()});
    return encoded ? std::optional(encoded->decode()) : std::nullopt;
}

}  // namespace postern::http
