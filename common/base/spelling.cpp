#include "base/spelling.hpp"

#include <algorithm>

namespace postern {

namespace {

/// The Levenshtein distance of two words.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::string nearest_word(std::string_view unknown, const std::vector<std::string>& known) {
    const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
        return distance(a, unknown) < distance(b, unknown);
    });
    if (nearest == known.end() ||
        distance(*nearest, unknown) > std::max<std::size_t>(2, nearest->size() / 3)) {
        return {};
    }
    return *nearest;
}

}  // namespace postern
