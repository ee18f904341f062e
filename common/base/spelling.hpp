// Finds the known word that is closest to an unknown one, for "did you mean" hints.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern {

/// Returns the known word with the smallest Levenshtein distance from `unknown`; empty if that is more than
/// two letters (for a long word, a third of its letters). Meant for short words and short lists.
std::string nearest_word(std::string_view unknown, const std::vector<std::string>& known);

}  // namespace postern
